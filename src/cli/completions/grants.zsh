# After --grant: a resource type, or the JSON for the only one that is meant.
_NAME_grants() {
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
    if (( $#kinds == 1 )); then
        compadd -U -Q -- "'${templates[$kinds[1]]}'"
    else
        compadd -S '' -- $kinds
    fi
}
