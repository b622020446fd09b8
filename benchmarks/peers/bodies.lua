-- wrk's script: sends the bodies of a folder in turn, and prints what it measured as one line of JSON.
-- Arguments: the folder, the number of bodies, their content type, and "seeds" for another seed in every request.

local requests, turn, seeds = {}, 0, false

function init(arguments)
  seeds = arguments[4] == "seeds"
  wrk.method = "POST"
  wrk.headers["Content-Type"] = arguments[3]
  for i = 1, tonumber(arguments[2]) do
    local file = io.open(arguments[1] .. "/" .. (i - 1), "rb")
    requests[i] = file:read("*all")
    file:close()
    if not seeds then requests[i] = wrk.format(nil, nil, nil, requests[i]) end
  end
  math.randomseed(os.time())
  turn = math.random(0, 2 ^ 30)
end

function request()
  turn = turn + 1
  local chosen = requests[turn % #requests + 1]
  if seeds then return wrk.format(nil, wrk.path .. "&seed=" .. turn, nil, chosen) end
  return chosen
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
