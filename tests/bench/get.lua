-- Reads one address over and over.
dofile("tests/bench/report.lua")
wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")
