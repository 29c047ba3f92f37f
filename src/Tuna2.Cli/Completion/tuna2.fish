# Completion of tuna2 for fish. For this shell: tuna2 completion fish | source
# For every shell: tuna2 completion fish > ~/.config/fish/completions/tuna2.fish
function __tuna2_complete
    set -l words (commandline --cut-at-cursor --current-process --tokenize)
    set -l found (eval (string escape -- $words[1]) "'[suggest]'" (string escape -- (commandline --cut-at-cursor --current-process | string collect)) 2>/dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path (commandline --cut-at-cursor --current-token)
    end
end
complete --command tuna2 --no-files --arguments '(__tuna2_complete)'
