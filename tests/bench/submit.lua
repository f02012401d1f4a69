-- Posts to a form as a website would, each submission from another person.
dofile("tests/bench/report.lua")
local headers = { ["Content-Type"] = "application/json" }
function request()
    local mark = unique()
    local body = string.format('{"fields": {"name": "Rush", "email": "visit-%s@example.com", "comment": "%s"}}', mark, mark)
    return wrk.format("POST", nil, headers, body)
end
