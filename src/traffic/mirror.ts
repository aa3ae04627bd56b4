/**
 * The script that sends copies of requests to a canary, run by HAProxy in each of its threads. A client's request only leaves
 * a text in a queue; tasks of their own take it from there, so that no canary, slow or dead, is ever waited for. What is too
 * much is not copied: so many at a time, so many a second.
 *
 * The tasks are made once, at the start: each task that HAProxy 2.6 makes while it serves leaks some 2 KB.
 */

/** Of each thread. A copy costs HAProxy some 0.2 ms. */
const AT_A_TIME = 16;
const A_SECOND = 200;
/** HAProxy gives up on the canary before, and counts that: see config.ts. */
const PATIENCE_SECONDS = 8;

export const MIRROR_SCRIPT = `local queue, first, last = {}, 1, 0
local second, sent = 0, 0

local function copy(job)
  local socket = core.tcp()
  local deadline = core.now().sec + ${PATIENCE_SECONDS}
  socket:settimeout(${PATIENCE_SECONDS})
  if socket:connect(job.path) and socket:send(job.text) then
    repeat
      local data = socket:receive(8192)
    until data == nil or core.now().sec > deadline
  end
  socket:close()
end

local function work()
  local nap = 5
  while true do
    if first <= last then
      local job = queue[first]
      queue[first] = nil
      first = first + 1
      nap = 5
      pcall(copy, job)
    else
      core.msleep(nap)
      if nap < 80 then nap = nap * 2 end
    end
  end
end

for _ = 1, ${AT_A_TIME} do core.register_task(work) end

local function proxied(txn)
  local from, to = txn.sf:src(), txn.sf:dst()
  local kind = string.find(from, ":", 1, true) and "TCP6" or "TCP4"
  return table.concat({ "PROXY", kind, from, to, txn.sf:src_port(), txn.sf:dst_port() }, " ")
end

local DROPPED = { connection = true, ["keep-alive"] = true, te = true, expect = true }

core.register_action("kiln_mirror", { "http-req" }, function(txn, path)
  local now = core.now().sec
  if now ~= second then second, sent = now, 0 end
  if sent >= ${A_SECOND} or last - first + 1 >= ${AT_A_TIME} then return end
  sent = sent + 1
  local lines = { proxied(txn), txn.sf:method() .. " " .. txn.sf:url() .. " HTTP/1.1" }
  for name, values in pairs(txn.http:req_get_headers()) do
    if not DROPPED[name] then
      for index = 0, #values do
        if values[index] then lines[#lines + 1] = name .. ": " .. values[index] end
      end
    end
  end
  lines[#lines + 1] = "x-kiln-mirror: yes"
  lines[#lines + 1] = "connection: close\\r\\n\\r\\n"
  last = last + 1
  queue[last] = { path = path, text = table.concat(lines, "\\r\\n") }
end, 1)
`;
