#!/usr/bin/env bash
# Packs the library and the tool into artifacts/packages, checks what is in them, and uses them as a stranger would: the sample
# program draws and asks, the installed tool runs its demo from another folder. A warning anywhere fails.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

packages=$PWD/artifacts/packages
rm -rf "$packages" artifacts/samples/packages/tuna2.engine
for project in src/Tuna2.Engine src/Tuna2.Cli; do
    # ContinuousIntegrationBuild: paths of this machine stay out, so that the same sources are the same package. Built anew: what
    # an earlier build left would be taken as it is, paths and all.
    dotnet build -c Release -v q -warnaserror --no-incremental -p:ContinuousIntegrationBuild=true "$project" > /dev/null
    dotnet pack -c Release -v q -warnaserror --no-build -p:ContinuousIntegrationBuild=true "$project" -o "$packages"
done

python3 - "$PWD" "$packages" << 'PYTHON'
import pathlib, re, sys, zipfile

repository, packages = map(pathlib.Path, sys.argv[1:])
container = re.compile(r"_rels/\.rels|package/.*|\[Content_Types\]\.xml|.*\.nuspec")

def package(pattern):
    found = sorted(packages.glob(pattern))
    assert len(found) == 1, f"{pattern}: {found}"
    return zipfile.ZipFile(found[0])

def files(zip):
    return {name for name in zip.namelist() if not container.fullmatch(name)}

def same(what, got, expected):
    assert got == expected, f"{what}: missing {sorted(expected - got)}, not expected {sorted(got - expected)}"

papers = {"README.md", "LICENSE", "THIRD-PARTY-NOTICES.md"}
library = package("Tuna2.Engine.*.nupkg")
same("library", files(library), papers | {"lib/net10.0/Tuna2.Engine.dll", "lib/net10.0/Tuna2.Engine.xml", "buildTransitive/Tuna2.Engine.targets"})
same("symbols", files(package("Tuna2.Engine.*.snupkg")), {"lib/net10.0/Tuna2.Engine.pdb"})
for name in papers:
    assert library.read(name) == (repository / name).read_bytes(), f"{name} is not the repository's"

assembly = library.read("lib/net10.0/Tuna2.Engine.dll")
sources = [p for p in (repository / "kernels").rglob("*") if p.suffix in (".cu", ".cuh") or p.name == "instances.txt"]
assert len(sources) > 10
for source in [*sources, repository / "weights-manifest.json"]:
    assert source.read_bytes() in assembly, f"{source.relative_to(repository)} is not embedded"
    assert str(source.relative_to(repository)).encode() in assembly, f"no resource is named {source.relative_to(repository)}"
assert str(repository).encode() not in assembly, "the assembly names the folder it was built in"

nuspec = library.read("Tuna2.Engine.nuspec").decode()
for part in ('<license type="expression">Apache-2.0</license>', "<readme>README.md</readme>", "<description>Tuna-2"):
    assert part in nuspec, f"the nuspec lacks {part}"

tool = package("Tuna2.Cli.*.nupkg")
inside = files(tool)
assert papers <= inside, f"tool: missing {papers - inside}"
for name in ("tuna2.dll", "Tuna2.Engine.dll", "DotnetToolSettings.xml", "models/tuna2-shapes/model.safetensors", "runtimes/linux-x64/native/libSkiaSharp.so"):
    assert f"tools/net10.0/any/{name}" in inside, f"tool: missing {name}"
foreign = {name for name in inside if name.endswith(".pdb") and "Tuna2" not in name and "tuna2" not in name}
assert not foreign, f"tool: symbols of others: {sorted(foreign)}"
for path in sorted(packages.glob("*nupkg")):
    print(f"{path.stat().st_size:>12,} bytes  {path.name}")
PYTHON

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dotnet build -c Release -v q -warnaserror samples/HelloTuna -o "$work/hello"
model=$PWD/models/tuna2-shapes
(cd "$work" && dotnet hello/HelloTuna.dll "$model" > answer)
[ -s "$work/hello.png" ] && grep -q circle "$work/answer" || { echo "the sample drew or said nothing: $(cat "$work/answer")" >&2; exit 1; }
echo "sample: $(cat "$work/answer")"

# Packages of its own here too.
NUGET_PACKAGES=$work/cache dotnet tool install Tuna2.Cli --version "$(basename "$packages"/Tuna2.Cli.*.nupkg .nupkg | cut -d. -f3-)" \
    --add-source "$packages" --tool-path "$work/tools" > /dev/null
(cd "$work" && tools/tuna2 --version && tools/tuna2 demo)
[ -s "$work/tuna2-demo/reconstructed.png" ]
