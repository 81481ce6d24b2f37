# After --grant: resource types, or the JSON if only one matches.
_NAME_grants() {
    emulate -L zsh
    setopt extended_glob
    local -A templates=(
        TEMPLATES
    )
    if compset -P '@'; then
        _files
        return
    fi
    local meant=${(Q)PREFIX}
    local -a kinds=(${(ok)templates[(I)$meant*]})
    if (( $#meant && ${+templates[$meant]} )); then
        kinds=($meant)
    fi
    if (( $#kinds != 1 )); then
        compadd -S '' -- $kinds
        return
    fi
    local json=$templates[$kinds[1]]
    case $compstate[quote] in
        "'") compadd -U -Q -i "$IPREFIX" -S "' " -- "$json" ;;
        '"') compadd -U -Q -i "$IPREFIX" -S '" ' -- "${json//\"/\\\"}" ;;
        *) compadd -U -Q -i "$IPREFIX" -- "'$json'" ;;
    esac
}
