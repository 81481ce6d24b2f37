# After --grant: the JSON for a resource type.
function __fish_NAME_grants
    TEMPLATES
end
complete -c NAME -n "__fish_NAME_using_subcommand token; and __fish_seen_subcommand_from create" -l grant -r -f -a "(__fish_NAME_grants)"
