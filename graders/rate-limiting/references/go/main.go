// The reference rate limiter: plain code on the scaffold's own HTTP layer.
package main

import (
	"log"
	"os"
	"strings"
)

// Service is the limiter with its policies.
type Service struct {
	policies map[string]Policy
	limiter  *Limiter
}

func main() {
	policies, err := parsePolicies(os.Getenv("POLICIES"))
	if err != nil {
		log.Fatalf("POLICIES: %v", err)
	}
	service := Service{policies, NewLimiter()}
	serve(service.route)
}

// route finds what answers a request.
func (s Service) route(request Request) Response {
	if request.Path == "/healthz" {
		return Response{Status: 200, Content: map[string]string{"status": "ok"}}
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
	decision := s.limiter.Decide(asked.Policy, asked.Client, asked.Cost)
	if decision.IsAdmitted {
		return admitted(asked, decision)
	}
	return denied(asked, decision)
}
