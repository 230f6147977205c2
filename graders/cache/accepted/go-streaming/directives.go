package main

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	directive = regexp.MustCompile("^\\s*([\\w!#$%&'*+.^`|~-]+)(?:=(\"(?:[^\"\\\\]|\\\\.)*\"|[^\\s,\"]*))?\\s*(?:,|$)")
	escaped   = regexp.MustCompile(`\\(.)`)
	digits    = regexp.MustCompile("^[0-9]+$")
)

// Directives are those of one message: names in small letters, arguments without quotes; "" without one.
type Directives map[string]string

// directivesOf reads Cache-Control. What is no directive is passed over, up to the next comma.
func directivesOf(header http.Header) Directives {
	found := Directives{}
	for text := strings.Join(header["Cache-Control"], ","); text != ""; {
		match := directive.FindStringSubmatch(text)
		if match == nil {
			_, text, _ = strings.Cut(text, ",")
			continue
		}
		name, argument := strings.ToLower(match[1]), match[2]
		if strings.HasPrefix(argument, `"`) {
			argument = escaped.ReplaceAllString(argument[1:len(argument)-1], "$1")
		}
		if !found.has(name) {
			found[name] = argument
		}
		text = text[len(match[0]):]
	}
	return found
}

// has says whether one of the directives is there.
func (d Directives) has(names ...string) bool {
	for _, name := range names {
		if _, isThere := d[name]; isThere {
			return true
		}
	}
	return false
}

// seconds is a directive's argument: 0 when it is no integer. The second result says whether the directive is there.
func (d Directives) seconds(name string) (float64, bool) {
	argument, isThere := d[name]
	if !digits.MatchString(argument) {
		return 0, isThere
	}
	number, _ := strconv.ParseFloat(argument, 64)
	return number, isThere
}

// dateOf is a field's date; the second result is false when it is absent or no date.
func dateOf(header http.Header, name string) (time.Time, bool) {
	date, err := http.ParseTime(header.Get(name))
	return date, err == nil
}

// lifetimeOf is CA-11, in seconds; 0 when stale at once.
func lifetimeOf(header http.Header, told Directives) float64 {
	for _, name := range []string{"s-maxage", "max-age"} {
		if number, isThere := told.seconds(name); isThere {
			return number
		}
	}
	expires, isDate := dateOf(header, "Expires")
	if !isDate {
		return 0
	}
	date, isDated := dateOf(header, "Date")
	if !isDated {
		date = time.Now()
	}
	return max(0, expires.Sub(date).Seconds())
}

// ageAtArrival is CA-12, in seconds.
func ageAtArrival(header http.Header, took time.Duration) float64 {
	apparent := 0.0
	if date, isDated := dateOf(header, "Date"); isDated {
		apparent = time.Since(date).Seconds()
	}
	told := 0.0
	if digits.MatchString(header.Get("Age")) {
		told, _ = strconv.ParseFloat(header.Get("Age"), 64)
	}
	return max(apparent, told+took.Seconds())
}

// joined is a field's lines joined, without the blanks around commas; the second result is false when it is absent.
func joined(header http.Header, name string) (string, bool) {
	lines := header.Values(name)
	parts := strings.Split(strings.Join(lines, ","), ",")
	for at, part := range parts {
		parts[at] = strings.TrimSpace(part)
	}
	return strings.Join(parts, ","), len(lines) > 0
}
