package main

import (
	"fmt"
	"strings"
	"time"
)

// dateForm is the one form of dates that HTTP has.
const dateForm = "Mon, 02 Jan 2006 15:04:05 GMT"

var phrases = map[int]string{
	200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 304: "Not Modified", 400: "Bad Request",
	404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 412: "Precondition Failed",
	413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 431: "Request Header Fields Too Large",
	500: "Internal Server Error", 501: "Not Implemented", 505: "HTTP Version Not Supported",
}

// answer has a body, or so many chunks to stream.
type answer struct {
	status int
	body   []byte
	fields []field
	stream int
}

func text(status int, body string) *answer {
	return &answer{status: status, body: []byte(body), fields: []field{{"Content-Type", "text/plain; charset=utf-8"}}}
}

func failure(status int, fields ...field) *answer {
	told := text(status, phrases[status]+"\n")
	told.fields = append(told.fields, fields...)
	return told
}

// head is the status line and the fields.
func (a *answer) head(option string, chunked bool) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nDate: %s\r\n", a.status, phrases[a.status], time.Now().UTC().Format(dateForm))
	for _, each := range a.fields {
		b.WriteString(each.name + ": " + each.value + "\r\n")
	}
	if chunked {
		b.WriteString("Transfer-Encoding: chunked\r\n")
	} else if a.stream == 0 && a.status != 204 && a.status != 304 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(a.body))
	}
	if option != "" {
		b.WriteString("Connection: " + option + "\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

// writeStream sends chunks one by one, with a pause between two.
func (c *connection) writeStream(count int, chunked bool) error {
	for i := 1; i <= count; i++ {
		if i > 1 {
			time.Sleep(10 * time.Millisecond)
		}
		chunk := fmt.Sprintf("chunk %d\n", i)
		if chunked {
			chunk = fmt.Sprintf("%x\r\n%s\r\n", len(chunk), chunk)
		}
		if err := c.send([]byte(chunk)); err != nil {
			return err
		}
	}
	if chunked {
		return c.send([]byte("0\r\n\r\n"))
	}
	return nil
}
