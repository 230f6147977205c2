// Answers, and how they become bytes.

const PHRASES: Record<number, string> = {
  200: "OK",
  201: "Created",
  204: "No Content",
  206: "Partial Content",
  304: "Not Modified",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  416: "Range Not Satisfiable",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  505: "HTTP Version Not Supported",
};

export type Answer = {
  status: number;
  body: Buffer;
  fields: Record<string, string>;
  chunks?: AsyncIterable<Buffer>;
};

export function text(body: Buffer | string, status = 200): Answer {
  return { status, body: Buffer.from(body), fields: { "Content-Type": "text/plain; charset=utf-8" } };
}

export function error(status: number, fields: Record<string, string> = {}): Answer {
  const answer = text(`${PHRASES[status]}\n`, status);
  Object.assign(answer.fields, fields);
  return answer;
}

export function empty(status: number): Answer {
  return { status, body: Buffer.alloc(0), fields: {} };
}

// Status line and fields; `connection` is the value of that field.
export function head(answer: Answer, connection: string | undefined, isChunked: boolean): Buffer {
  const lines = [`HTTP/1.1 ${answer.status} ${PHRASES[answer.status]}`, `Date: ${new Date().toUTCString()}`];
  for (const [name, value] of Object.entries(answer.fields)) {
    lines.push(`${name}: ${value}`);
  }
  if (answer.chunks !== undefined) {
    if (isChunked) {
      lines.push("Transfer-Encoding: chunked");
    }
  } else if (answer.status !== 204 && answer.status !== 304) {
    lines.push(`Content-Length: ${answer.body.length}`);
  }
  if (connection !== undefined) {
    lines.push(`Connection: ${connection}`);
  }
  return Buffer.from([...lines, "", ""].join("\r\n"), "latin1");
}
