// Your HTTP server: begin here. `lab test` builds, starts and tests it; README.md says what it must do.
//
// net, bufio, net/url, compress/gzip, crypto and encoding/json are yours; whatever reads or writes HTTP messages is
// forbidden (`lab spec HS-1`).
package main

import (
	"log"
	"net"
	"os"
)

// handle serves one client.
//
// TODO: read the request, find out what it asks for, answer it (`lab spec HS-3`). Think of this: TCP is a stream, so one
// Read may return half a request, or two of them; keep what you have not used yet.
func handle(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 65536)
	if _, err := connection.Read(buffer); err != nil {
		return
	}
	connection.Write([]byte("HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	listener, err := net.Listen("tcp", net.JoinHostPort(environment("HOST", "127.0.0.1"), environment("PORT", "8000")))
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go handle(connection)
	}
}
