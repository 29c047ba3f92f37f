# Completion of tuna2 for bash. For this shell: source <(tuna2 completion bash)
# For every shell, append that line to ~/.bashrc.
_tuna2() {
    local line=${COMP_LINE:0:COMP_POINT} IFS=$'\n' word prefix i
    COMPREPLY=($("${COMP_WORDS[0]}" '[suggest]' "$line" 2>/dev/null | cut -f 1))
    # bash completes only what stands behind the last : or = of a word.
    word=${line##*[[:space:]]}
    prefix=${word%"${word##*[:=]}"}
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]=${COMPREPLY[i]#"$prefix"}
    done
}
complete -o bashdefault -o default -F _tuna2 tuna2
