package main

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

var storable = []int{200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}

// mayStore is CA-8 and CA-9.
func mayStore(request Request, response Response) bool {
	header, told := response.Header, directivesOf(response.Header)
	isSomebodys := has(request.Header, "Authorization") && !told.has("public", "s-maxage", "must-revalidate")
	switch {
	case request.Method != "GET" || has(request.Header, "Range") || !slices.Contains(storable, response.Status):
		return false
	case told.has("no-store", "private") || directivesOf(request.Header).has("no-store"):
		return false
	case slices.Contains(varyOf(header), "*") || isSomebodys:
		return false
	}
	return told.has("s-maxage", "max-age") || has(header, "Expires") || hasValidator(header)
}

// has says whether a field is there; its name is written as in http.CanonicalHeaderKey.
func has(header http.Header, name string) bool {
	return len(header[name]) > 0
}

func hasValidator(header http.Header) bool {
	return has(header, "Etag") || has(header, "Last-Modified")
}

// varyOf has the names in Vary.
func varyOf(header http.Header) []string {
	names, _ := joined(header, "Vary")
	return slices.DeleteFunc(strings.Split(names, ","), func(name string) bool { return name == "" })
}

// Entry is a stored answer. Nothing of it is changed any more, but for isRefreshing, under the cache's lock.
type Entry struct {
	target       string
	response     Response
	told         Directives
	lifetime     float64
	date         time.Time
	born         time.Time // its age counts from then
	variant      []selected
	isRefreshing bool
}

// selected is a field of the request that Vary names.
type selected struct {
	name    string
	value   string
	isThere bool
}

// newEntry is what is stored of an answer; took is how long the forward took.
func newEntry(request Request, response Response, took time.Duration) *Entry {
	header := response.Header.Clone()
	age := time.Duration(ageAtArrival(header, took) * float64(time.Second))
	date, isDated := dateOf(header, "Date")
	if !isDated {
		date = time.Now()
	}
	header.Del("Age")
	told := directivesOf(header)
	entry := &Entry{
		target:   request.Target,
		response: Response{Status: response.Status, Header: header, Body: response.Body},
		told:     told,
		lifetime: lifetimeOf(header, told),
		date:     date,
		born:     time.Now().Add(-age),
	}
	for _, name := range varyOf(header) {
		value, isThere := joined(request.Header, name)
		entry.variant = append(entry.variant, selected{name, value, isThere})
	}
	return entry
}

// age is in seconds.
func (e *Entry) age() float64 {
	return time.Since(e.born).Seconds()
}

// matches is CA-21.
func (e *Entry) matches(request Request) bool {
	for _, wanted := range e.variant {
		value, isThere := joined(request.Header, wanted.name)
		if isThere != wanted.isThere || value != wanted.value {
			return false
		}
	}
	return true
}

// mayBeStale says whether the directive of that name lets it be used now, though stale (CA-28, CA-29).
func (e *Entry) mayBeStale(name string) bool {
	window, isThere := e.told.seconds(name)
	isForbidden := e.told.has("no-cache", "must-revalidate", "proxy-revalidate", "s-maxage")
	return isThere && !isForbidden && e.age()-e.lifetime <= window
}
