// The routes of http-server, stages 1 to 6, on Node's own http module: a black box that many rely on, for the protocol.

import http from "node:http";

const KNOWN = ["GET", "HEAD", "POST", "PUT", "DELETE"];

function decoded(target) {
  const path = target.replace(/^[a-z]+:\/\/[^/?]*/i, "").split("?")[0] || "/";
  if (/%(?![0-9a-f]{2})/i.test(path)) return undefined;
  return Buffer.from(path.replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))), "latin1");
}

function send(response, status, body, type = "text/plain", more = {}) {
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body), ...more });
  response.end(body);
}

function number(text, least, most) {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : -1;
  return value >= least && value <= most ? value : undefined;
}

function stream(response, count) {
  response.writeHead(200, { "Content-Type": "text/plain" });
  let index = 0;
  const next = () => {
    index += 1;
    response.write(`chunk ${index}\n`);
    if (index < count) setTimeout(next, 11);
    else response.end();
  };
  next();
}

function fields(request) {
  const joined = {};
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at].toLowerCase();
    const value = request.rawHeaders[at + 1];
    joined[name] = name in joined ? `${joined[name]}, ${value}` : value;
  }
  return JSON.stringify(joined);
}

function route(request, response, body) {
  if (!KNOWN.includes(request.method)) return send(response, 501, "");
  const path = decoded(request.url);
  if (path === undefined) return send(response, 400, "");
  const name = path.toString("latin1");
  const rest = (prefix) => (name.startsWith(prefix) ? name.slice(prefix.length) : undefined);
  const isPost = name === "/echo";
  const isGet = name === "/" || name === "/headers" || ["/echo/", "/slow/", "/stream/"].some((each) => name.startsWith(each));
  if (!isPost && !isGet) return send(response, 404, "");
  const allowed = isPost ? ["POST"] : ["GET", "HEAD"];
  if (!allowed.includes(request.method)) return send(response, 405, "", "text/plain", { Allow: allowed.join(", ") });
  if (isPost) return send(response, 200, body, request.headers["content-type"] ?? "application/octet-stream");
  if (name === "/") return send(response, 200, "ok\n");
  if (name === "/headers") return send(response, 200, fields(request), "application/json");
  if (rest("/echo/") !== undefined) return send(response, 200, path.subarray("/echo/".length));
  if (rest("/slow/") !== undefined) {
    const wait = number(rest("/slow/"), 0, 10_000);
    return wait === undefined ? send(response, 400, "") : setTimeout(() => send(response, 200, "ok\n"), wait + 1);
  }
  const count = number(rest("/stream/"), 1, 1000);
  return count === undefined ? send(response, 400, "") : stream(response, count);
}

const MEBIBYTE = 1024 * 1024;
const options = {
  maxHeaderSize: 32 * 1024, // request line and fields together
  keepAliveTimeout: Number(process.env.KEEP_ALIVE_TIMEOUT_MS),
  headersTimeout: Number(process.env.HEADER_TIMEOUT_MS),
  requestTimeout: 0,
  connectionsCheckingInterval: 100,
};

function refuse(request, response, status) {
  send(response, status, "", "text/plain", { Connection: "close" });
}

function take(request, response) {
  if (request.url.length > 8192) return refuse(request, response, 414);
  if (Number(request.headers["content-length"] ?? 0) > MEBIBYTE) return refuse(request, response, 413);
  const pieces = [];
  let length = 0;
  request.on("data", (piece) => {
    length += piece.length;
    if (length <= MEBIBYTE) pieces.push(piece);
    else if (!response.headersSent) refuse(request, response, 413);
  });
  request.on("end", () => response.headersSent || route(request, response, Buffer.concat(pieces)));
}

const server = http.createServer(options, take);
server.on("checkContinue", (request, response) => {
  if (Number(request.headers["content-length"] ?? 0) > MEBIBYTE) return refuse(request, response, 413);
  response.writeContinue();
  take(request, response);
});
server.listen(Number(process.env.PORT), process.env.HOST);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
