-- The one line of figures that tests/bench/run reads: requests a second, p50 and p99 in milliseconds, unexpected statuses.
local threads = {}
function setup(thread) table.insert(threads, thread) end
function done(summary, latency)
    local unexpected = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    for _, thread in ipairs(threads) do unexpected = unexpected + (thread:get("unexpected") or 0) end
    io.write(string.format("figures %.1f %.3f %.3f %d\n", summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000, unexpected))
end
unexpected = 0
function response(status) if status >= 400 then unexpected = unexpected + 1 end end
-- one number per thread and request, so that no two bodies name the same person
local start = math.floor(os.time() % 1000) * 1000000
local salt = 0
function init() salt = tonumber(tostring({}):match("0x(%x+)"), 16) % 9973 end
function unique()
    start = start + 1
    return string.format("%04d%09d", salt, start)
end
