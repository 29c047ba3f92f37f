#compdef tuna2
# Completion of tuna2 for zsh. For this shell, after compinit: source <(tuna2 completion zsh)
# For every shell, append that line to ~/.zshrc.
_tuna2() {
    local line="${(j: :)words[1,CURRENT-1]} $PREFIX" entry
    local -a items
    for entry in "${(@f)$("$words[1]" '[suggest]' "$line" 2>/dev/null)}"; do
        [[ -n $entry ]] && items+=("${${entry%%$'\t'*}//:/\\:}:${entry#*$'\t'}")
    done
    if (( $#items )); then
        _describe tuna2 items
    else
        _files
    fi
}
if [[ $funcstack[1] == _tuna2 ]]; then
    _tuna2 "$@"
else
    compdef _tuna2 tuna2
fi
