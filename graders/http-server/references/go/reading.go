package main

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"
)

const (
	mostTarget    = 8192
	mostFields    = 32 * 1024
	mostBody      = 1024 * 1024
	mostChunkLine = 4096
	isChunked     = -1
)

var (
	token       = regexp.MustCompile(`^[!#$%&'*+.^_` + "`" + `|~0-9A-Za-z-]+$`)
	targetForm  = regexp.MustCompile(`^[\x21-\x7e]+$`)
	versionForm = regexp.MustCompile(`^HTTP/([0-9])\.([0-9])$`)
	digits      = regexp.MustCompile(`^[0-9]+$`)
	chunkForm   = regexp.MustCompile(`^([0-9A-Fa-f]+)([ \t]*;.*)?$`)
)

// bad is the status of a request that cannot be served, and after which nothing on the connection can be trusted.
type bad int

func (b bad) Error() string { return strconv.Itoa(int(b)) }

type field struct{ name, value string }

// request is one request; names of fields are in lower case.
type request struct {
	method, target string
	minor          int
	fields         []field
	body           []byte
}

func (r *request) all(name string) []string {
	var found []string
	for _, each := range r.fields {
		if each.name == name {
			found = append(found, each.value)
		}
	}
	return found
}

func (r *request) get(name string) (string, bool) {
	found := r.all(name)
	return strings.Join(found, ", "), len(found) > 0
}

// members returns the members of a list, in lower case.
func (r *request) members(name string) []string {
	var found []string
	value, _ := r.get(name)
	for _, part := range strings.Split(value, ",") {
		if part = lower(strings.Trim(part, " \t")); part != "" {
			found = append(found, part)
		}
	}
	return found
}

// lower is ToLower for ASCII alone: beyond it there are letters whose small form is one of ours.
func lower(text string) string {
	return strings.Map(func(letter rune) rune {
		if 'A' <= letter && letter <= 'Z' {
			return letter + 'a' - 'A'
		}
		return letter
	}, text)
}

func (r *request) staysOpen() bool {
	options := r.members("connection")
	if contains(options, "close") {
		return false
	}
	return r.minor >= 1 || contains(options, "keep-alive")
}

func contains(all []string, wanted string) bool {
	for _, each := range all {
		if each == wanted {
			return true
		}
	}
	return false
}

// ended returns the line without its CR; a CR anywhere else, or none at the end, is refused.
func ended(line []byte) ([]byte, error) {
	if !bytes.HasSuffix(line, []byte("\r")) || bytes.IndexByte(line, '\r') != len(line)-1 {
		return nil, bad(400)
	}
	return line[:len(line)-1], nil
}

func (c *connection) limited(limit, status int) ([]byte, error) {
	line, err := c.line(limit)
	if errors.Is(err, errTooLong) {
		return nil, bad(status)
	}
	if err != nil {
		return nil, err
	}
	return ended(line)
}

// readHead reads a request without its body.
func (c *connection) readHead() (*request, error) {
	line, err := c.limited(mostTarget+200, 414)
	if err == nil && len(line) == 0 {
		line, err = c.limited(mostTarget+200, 414) // one empty line before a request is forgiven
	}
	if err != nil {
		return nil, err
	}
	r, err := parseRequestLine(string(line))
	if err != nil {
		return nil, err
	}
	for left := mostFields; ; left -= len(line) + 2 {
		if line, err = c.limited(max(left, 0), 431); err != nil {
			return nil, err
		}
		if len(line) == 0 {
			break
		}
		parsed, err := parseField(string(line))
		if err != nil {
			return nil, err
		}
		r.fields = append(r.fields, parsed)
	}
	if hosts := len(r.all("host")); hosts > 1 || (hosts == 0 && r.minor >= 1) {
		return nil, bad(400)
	}
	return r, nil
}

func parseRequestLine(line string) (*request, error) {
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !token.MatchString(parts[0]) || !targetForm.MatchString(parts[1]) {
		return nil, bad(400)
	}
	version := versionForm.FindStringSubmatch(parts[2])
	if version == nil {
		return nil, bad(400)
	}
	if version[1] != "1" {
		return nil, bad(505)
	}
	if len(parts[1]) > mostTarget {
		return nil, bad(414)
	}
	return &request{method: parts[0], target: parts[1], minor: int(version[2][0] - '0')}, nil
}

func parseField(line string) (field, error) {
	name, value, found := strings.Cut(line, ":")
	if !found || !token.MatchString(name) {
		return field{}, bad(400)
	}
	for i := range len(value) {
		if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
			return field{}, bad(400)
		}
	}
	return field{strings.ToLower(name), strings.Trim(value, " \t")}, nil
}

// framing returns the length of the body, or isChunked.
func framing(r *request) (int, error) {
	lengths, codings := r.all("content-length"), r.members("transfer-encoding")
	if len(r.all("transfer-encoding")) > 0 {
		chunked := 0
		for _, coding := range codings {
			if coding == "chunked" {
				chunked++
			}
		}
		if len(lengths) > 0 || r.minor == 0 || chunked != 1 || codings[len(codings)-1] != "chunked" {
			return 0, bad(400)
		}
		if len(codings) > 1 {
			return 0, bad(501)
		}
		return isChunked, nil
	}
	if len(lengths) == 0 {
		return 0, nil
	}
	for _, length := range lengths {
		if !digits.MatchString(length) || length != lengths[0] {
			return 0, bad(400)
		}
	}
	length, err := strconv.Atoi(lengths[0])
	if err != nil || length > mostBody {
		return 0, bad(413)
	}
	return length, nil
}

func (c *connection) readBody(length int) ([]byte, error) {
	if length != isChunked {
		return c.exactly(length)
	}
	body := []byte{}
	for {
		line, err := c.limited(mostChunkLine, 400)
		if err != nil {
			return nil, err
		}
		found := chunkForm.FindSubmatch(line)
		if found == nil {
			return nil, bad(400)
		}
		size, err := strconv.ParseInt(string(found[1]), 16, 64)
		if err != nil || int64(len(body))+size > mostBody || size > mostBody {
			return nil, bad(413)
		}
		if size == 0 {
			return body, c.dropTrailers()
		}
		data, err := c.exactly(int(size) + 2)
		if err != nil {
			return nil, err
		}
		if string(data[size:]) != "\r\n" {
			return nil, bad(400)
		}
		body = append(body, data[:size]...)
	}
}

func (c *connection) dropTrailers() error {
	for left := mostFields; ; {
		line, err := c.limited(max(left, 0), 400)
		if err != nil || len(line) == 0 {
			return err
		}
		left -= len(line) + 2
	}
}
