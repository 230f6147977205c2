// Your HTTP server: begin here. `node main.ts` starts it; `lab test` tests it; README.md says what it must do.
//
// node:net, node:fs, node:zlib, node:crypto and JSON are yours; whatever reads or writes HTTP messages is forbidden
// (`lab spec HS-1`). Node runs TypeScript by stripping the types: no enum, no parameter properties, and imports of your own
// files end in .ts.

import net from "node:net";

// TODO: read the request, find out what it asks for, answer it (`lab spec HS-3`). Think of this: TCP is a stream, so one
// "data" event may bring half a request, or two of them; keep what you have not used yet.
function handle(socket: net.Socket): void {
  socket.on("error", () => socket.destroy()); // a client may break off at any moment
  socket.once("data", () => {
    socket.end("HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
}

const server = net.createServer({ noDelay: true }, handle);
server.listen({ host: process.env.HOST ?? "127.0.0.1", port: Number(process.env.PORT ?? "8000"), backlog: 1024 });
