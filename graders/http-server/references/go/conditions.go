package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const gzipFrom = 1024

var (
	tagForm   = regexp.MustCompile(`(?:W/)?"[\x21\x23-\x7e\x80-\x{ff}]*"`)
	// What a recipient must accept (RFC 9110, 5.6.7): IMF-fixdate, and the forms of RFC 850 and of asctime.
	dateForms = []string{dateForm, "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC}
	rangeForm = regexp.MustCompile(`^bytes=[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*$`)
)

// serveFile answers a GET (RFC 9110, 12.5.3, 13 and 14).
func serveFile(r *request, f *file) *answer {
	body, tag := f.body, f.tag()
	fields := []field{{"Vary", "Accept-Encoding"}}
	_, ranged := r.get("range")
	zipped := len(body) >= gzipFrom && !ranged && wantsGzip(r)
	if zipped {
		body, tag = compressed(body), tag[:len(tag)-1]+`-gzip"`
	}
	fields = append(fields, field{"ETag", tag}, field{"Last-Modified", f.modified.UTC().Format(dateForm)}, field{"Accept-Ranges", "bytes"})
	if isUnchanged(r, tag, f.modified) {
		return &answer{status: 304, fields: fields}
	}
	if zipped {
		fields = append(fields, field{"Content-Encoding", "gzip"})
	}
	fields = append(fields, field{"Content-Type", "application/octet-stream"})
	first, last, partly := askedRange(r, tag, len(body))
	if !partly {
		return &answer{status: 200, body: body, fields: fields}
	}
	if first > last {
		return failure(416, field{"Content-Range", fmt.Sprintf("bytes */%d", len(body))})
	}
	fields = append(fields, field{"Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(body))})
	return &answer{status: 206, body: body[first : last+1], fields: fields}
}

func compressed(body []byte) []byte {
	var out bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&out, 5) // 5 is a valid level, and a buffer takes everything
	writer.Write(body)
	writer.Close()
	return out.Bytes()
}

func weak(tag string) string { return strings.TrimPrefix(tag, "W/") }

func matchesWeakly(list, tag string) bool {
	for _, each := range tagForm.FindAllString(list, -1) {
		if weak(each) == weak(tag) {
			return true
		}
	}
	return false
}

func isUnchanged(r *request, tag string, modified time.Time) bool {
	if list, ok := r.get("if-none-match"); ok {
		return strings.Trim(list, " \t") == "*" || matchesWeakly(list, tag)
	}
	value, _ := r.get("if-modified-since")
	for _, form := range dateForms {
		if since, err := time.Parse(form, value); err == nil {
			return !modified.After(since)
		}
	}
	return false
}

// allows says whether the conditions of a PUT let it replace old.
func allows(r *request, old *file) bool {
	if list, ok := r.get("if-match"); ok {
		if old == nil {
			return false
		}
		if strings.Trim(list, " \t") != "*" && !contains(tagForm.FindAllString(list, -1), old.tag()) {
			return false
		}
	}
	if list, ok := r.get("if-none-match"); ok && old != nil {
		return strings.Trim(list, " \t") != "*" && !matchesWeakly(list, old.tag())
	}
	return true
}

// askedRange returns first and last byte; first > last when it cannot be satisfied, false for the whole.
func askedRange(r *request, tag string, length int) (int, int, bool) {
	value, ok := r.get("range")
	if condition, conditional := r.get("if-range"); !ok || r.method != "GET" || (conditional && condition != tag) {
		return 0, 0, false
	}
	found := rangeForm.FindStringSubmatch(value)
	if found == nil {
		return 0, 0, false
	}
	if found[3] != "" {
		suffix, err := strconv.Atoi(found[3])
		if err != nil || suffix > length {
			suffix = length
		}
		if suffix == 0 {
			return 1, 0, true
		}
		return length - suffix, length - 1, true
	}
	first, last := position(found[1]), length-1
	if found[2] != "" {
		end := position(found[2])
		if end < first {
			return 0, 0, false
		}
		last = min(last, end)
	}
	if first >= length {
		return 1, 0, true
	}
	return first, last, true
}

// position is the number that digits write, or the largest there is.
func position(digits string) int {
	number, err := strconv.Atoi(digits)
	if err != nil {
		return math.MaxInt
	}
	return number
}

func wantsGzip(r *request) bool {
	weights := map[string]float64{}
	for _, member := range r.members("accept-encoding") {
		coding, parameters, _ := strings.Cut(member, ";")
		weight := 1.0
		for _, parameter := range strings.Split(parameters, ";") {
			if value, ok := strings.CutPrefix(strings.Trim(parameter, " \t"), "q="); ok {
				weight, _ = strconv.ParseFloat(value, 64) // what is no number counts as 0
			}
		}
		weights[strings.Trim(coding, " \t")] = weight
	}
	if weight, ok := weights["gzip"]; ok {
		return weight > 0
	}
	return weights["*"] > 0
}
