// An HTTP/1.1 server on raw sockets: one event loop. Start here.

import net from "node:net";

import { Connection } from "./connection.ts";
import { Store } from "./files.ts";
import { Routes } from "./routes.ts";

const STOP_MS = 4500;

const settings = {
  keepAlive: Number(process.env.KEEP_ALIVE_TIMEOUT_MS ?? "5000"),
  header: Number(process.env.HEADER_TIMEOUT_MS ?? "5000"),
  isStopping: false,
};
const routes = new Routes(new Store(process.env.FILES_DIR ?? "files"));
const connections = new Set<Connection>();

const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
  const connection = new Connection(socket, routes, settings);
  connections.add(connection);
  connection.serve().finally(() => {
    connections.delete(connection);
    leave();
  });
});

function leave(): void {
  if (settings.isStopping && connections.size === 0) {
    process.exit(0);
  }
}

function stop(): void {
  settings.isStopping = true;
  server.close();
  for (const connection of connections) {
    connection.stop();
  }
  leave();
  setTimeout(() => process.exit(0), STOP_MS); // a client may never read its answer
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);
server.listen({ host: process.env.HOST ?? "127.0.0.1", port: Number(process.env.PORT ?? "8000"), backlog: 1024 });
