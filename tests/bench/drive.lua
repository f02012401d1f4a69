-- Sends the requests listed in the file TARGETS (method, path, body, separated by tabs; %u in a body becomes a number nobody else
-- has), one line after the other from a place of each thread's own; ORDERED: each line at most once. Ends with one line of figures.
local threads = {}
function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

local lines, at, step = {}, 1, 1
local bearer = os.getenv("BEARER")
local headers = { ["Content-Type"] = "application/json" }
if bearer then headers["Authorization"] = "Bearer " .. bearer end
local keyed = os.getenv("KEYED")
local serial, salt = 0, 0
unexpected, statuses = 0, ""
local seen = {}

function init()
    for line in io.lines(os.getenv("TARGETS")) do
        local method, path, body = line:match("^([^\t]*)\t([^\t]*)\t?(.*)$")
        lines[#lines + 1] = { method, path, body ~= "" and body or nil }
    end
    salt = (os.time() % 100000) * 10 + number
    if os.getenv("ORDERED") then
        at, step = 1 + number, 2
    else
        at = 1 + number * math.floor(#lines / 2)
    end
end

function request()
    local line = lines[at]
    at = at + step
    if at > #lines then at = os.getenv("ORDERED") and #lines or 1 end
    serial = serial + 1
    local mark = string.format("%06d%07d", salt % 1000000, serial)
    headers["Idempotency-Key"] = keyed and line[1] == "POST" and mark or nil
    return wrk.format(line[1], line[2], headers, line[3] and line[3]:gsub("%%u", mark))
end

function response(status)
    if status >= 400 then
        unexpected = unexpected + 1
        if not seen[status] then
            seen[status] = true
            statuses = statuses .. (statuses == "" and "" or ",") .. status
        end
    end
end

function done(summary, latency)
    local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    local told = ""
    for _, thread in ipairs(threads) do
        failed = failed + (thread:get("unexpected") or 0)
        local one = thread:get("statuses") or ""
        if one ~= "" then told = told == "" and one or told .. "," .. one end
    end
    io.write(string.format("figures %.1f %.3f %.3f %.3f %d %s\n", summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
        latency:percentile(95) / 1000, latency:percentile(99) / 1000, failed, told == "" and "-" or told))
end
