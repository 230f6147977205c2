// The reference rate limiter: plain code on the scaffold's own HTTP layer.
package main

import (
	"log"
	"os"
	"strings"
)

// Limiter decides. With an error nothing was decided, or nobody knows.
type Limiter interface {
	Decide(policy Policy, client string, cost int) (Decision, error)
	Tracked() int
}

// Service is the limiter with its policies.
type Service struct {
	policies map[string]Policy
	limiter  Limiter
}

func main() {
	policies, err := parsePolicies(os.Getenv("POLICIES"))
	if err != nil {
		log.Fatalf("POLICIES: %v", err)
	}
	service := Service{policies, newLimiter()}
	serve(service.route)
}

// newLimiter shares its state when there is where.
func newLimiter() Limiter {
	location := os.Getenv("REDIS_URL")
	if location == "" {
		return NewMemory()
	}
	redis, err := NewRedis(location)
	if err != nil {
		log.Fatalf("REDIS_URL: %v", err)
	}
	return NewShared(redis)
}

// route finds what answers a request.
func (s Service) route(request Request) Response {
	switch request.Path {
	case "/healthz":
		return Response{Status: 200, Content: map[string]string{"status": "ok"}}
	case "/stats":
		return Response{Status: 200, Content: map[string]int{"tracked_clients": s.limiter.Tracked()}}
	}
	if name, found := strings.CutPrefix(request.Path, "/resource/"); found {
		return s.resource(request, name)
	}
	return problem(404, "unknown path", nil, nil)
}

// resource is GET /resource/{policy}.
func (s Service) resource(request Request, name string) Response {
	asked, refusal := readRequest(request, name, s.policies)
	if refusal != nil {
		return problem(refusal.Status, refusal.Title, nil, nil)
	}
	decision, err := s.limiter.Decide(asked.Policy, asked.Client, asked.Cost)
	switch {
	case err != nil:
		return undecided(asked)
	case decision.IsAdmitted:
		return admitted(asked, decision)
	default:
		return denied(asked, decision)
	}
}
