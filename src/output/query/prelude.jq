def from_entries:
  def first_set(stream): [stream | values] | .[0];
  reduce .[] as $entry ({};
    .[$entry | first_set(.key, .k, .name, .Name, .K, .Key) | if type == "string" then . else tojson end]
      = ($entry | first_set(.value, .v, .Value)));
def join($separator):
  def part: if . == null then "" elif type == "string" then . else tojson end;
  if length == 0 then "" else reduce .[1:][] as $next (.[0] | part; . + $separator + ($next | part)) end;
def IN(stream): any(stream == .; .);
def IN(source; stream): any(source == stream; .);
def INDEX(stream; key): reduce stream as $row ({}; .[$row | key | tostring] = $row);
def INDEX(key): INDEX(.[]; key);
def leaf_paths: paths(scalars);
def ltrimstr($start):
  if type == "string" and ($start | type) == "string" and startswith($start) then .[($start | length):] else . end;
def rtrimstr($end):
  if type == "string" and ($end | type) == "string" and $end != "" and endswith($end)
  then .[:length - ($end | length)] else . end;
def every_json: fromjson;
def fromjson: [every_json] | if length == 1 then .[0] else error("not one JSON value") end;
def tonumber:
  if type == "number" then . else (try fromjson catch null) | if type == "number" then . else error("not a number") end end;
