-- Creates contacts, each with a mail address of its own, so that the duplicate check runs and finds nobody.
dofile("tests/bench/report.lua")
local headers = { ["Authorization"] = "Bearer " .. os.getenv("KEY"), ["Content-Type"] = "application/json" }
function request()
    local mark = unique()
    local body = string.format('{"last_name": "Rush", "first_name": "%s", "emails": [{"value": "rush-%s@example.com"}]}', mark, mark)
    return wrk.format("POST", nil, headers, body)
end
