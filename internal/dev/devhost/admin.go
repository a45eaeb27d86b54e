package devhost

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"coremachine/internal/telemetry/keys"
)

// admin serves the endpoints of the host itself. If keys are configured, it
// requires the master key.
//
//	POST /admin/functions/{name}  {"input":"..."}  202 without waiting
//	GET  /admin/host/status                        {"state":"Running"}
//	any  /admin/host/ping                          200
func (s *session) admin(w http.ResponseWriter, r *http.Request) {
	if !s.host.authorized(r) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}

	name, isFunction := strings.CutPrefix(r.URL.Path, "/admin/functions/")
	switch {
	case isFunction && r.Method == http.MethodPost && !sameOrigin(r):
		http.Error(w, "Cross-origin requests may not start functions.", http.StatusForbidden)
	case isFunction && r.Method == http.MethodPost:
		s.trigger(w, r, name)
	case r.URL.Path == "/admin/host/status" && r.Method == http.MethodGet:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"state":"Running","version":"` + Version + `"}`)) // it may have disconnected
	case r.URL.Path == "/admin/host/ping":
		w.WriteHeader(http.StatusOK)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// sameOrigin reports whether a request does not come from a page, or comes from
// a page of this address.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin == "" || origin == "http://"+r.Host
}

// trigger starts a queue or timer function manually. Its message has a body and
// default properties, and is not settled.
func (s *session) trigger(w http.ResponseWriter, r *http.Request, name string) {
	var in struct{ Input string }

	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &in) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}

	f := s.function(name)
	if f == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}

	buffer := getBuffer()

	switch f.Trigger.Type {
	case typeQueue:
		at, id := now(), newID()
		msg := busMessage{
			body:       []byte(in.Input),
			deliveries: 1,
			messageID:  &id,
			enqueued:   at,
			expires:    at.Add(lifetime),
			manual:     true,
		}
		writeOne(buffer, f.Trigger.Name, f.Trigger.DataType == "binary", &msg, s.stamp(f))
	case typeTimer:
		schedule, err := parseSchedule(f.Trigger.Schedule)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}

		at := now()
		writeTimer(buffer, f.Trigger.Name, monitored(f), at, schedule.Next(at), false, s.stamp(f))
	default:
		w.WriteHeader(http.StatusBadRequest)
		return
	}

	if !s.calls.enter() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	go func() {
		defer s.calls.leave()

		if err := s.post(s.ctx, f, newID(), buffer); err != nil {
			s.host.log.Warn("manual invocation failed", keys.Function, name, keys.Error, err)
		}
	}()

	w.WriteHeader(http.StatusAccepted)
}

func (s *session) function(name string) *Function {
	for i := range s.host.app.Functions {
		if strings.EqualFold(s.host.app.Functions[i].Name, name) {
			return &s.host.app.Functions[i]
		}
	}

	return nil
}
