using System.Globalization;

namespace Tuna2.Engine.Cuda;

/// <summary>What a GPU executes: "sm_80", "sm_90a".</summary>
/// <param name="Capability">The compute capability without its point: 80, 90, 120.</param>
/// <param name="Suffix">'a' when features of exactly this architecture are used, 'f' for those of its family, else null.</param>
public readonly record struct CudaArchitecture(int Capability, char? Suffix = null)
{
    /// <summary>Reads "sm_80", "sm_90a".</summary>
    /// <exception cref="DeviceException">It is nothing of the kind.</exception>
    public static CudaArchitecture Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.StartsWith("sm_", StringComparison.Ordinal))
        {
            var digits = name.AsSpan(3);
            char? suffix = digits.Length > 0 && digits[^1] is 'a' or 'f' ? digits[^1] : null;
            if (suffix is not null) digits = digits[..^1];
            if (int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var capability) && capability is >= 10 and < 1000)
                return new(capability, suffix);
        }
        throw new DeviceException($"'{OneLine.Of(name)}' is not an architecture like sm_80 or sm_90a");
    }

    /// <summary>Whether code that needs at least <paramref name="minimum"/> can be compiled for this one.</summary>
    public bool Satisfies(CudaArchitecture minimum) => minimum.Suffix switch
    {
        'a' => this == minimum, // such features are not in any other architecture, later ones included
        'f' => Suffix is not null && Capability / 10 == minimum.Capability / 10 && Capability >= minimum.Capability,
        _ => Capability >= minimum.Capability,
    };

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"sm_{Capability}{Suffix}");
}
