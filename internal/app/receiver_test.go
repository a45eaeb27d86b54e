package app_test

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver takes OTLP over HTTP, as a collector does.
type receiver struct {
	URL string

	mu      sync.Mutex
	spans   []*wire.Span
	service string
	metrics map[string]bool
	bad     []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()

	r := &receiver{metrics: map[string]bool{}}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.URL = s.URL

	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var body io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(req.Body)
		if err != nil {
			r.fail("%v", err)
			return
		}

		body = z
	}

	b, err := io.ReadAll(body)
	if err != nil || req.Method != http.MethodPost ||
		req.Header.Get("Content-Type") != "application/x-protobuf" {
		r.fail("%s %s as %q: %v", req.Method, req.URL.Path, req.Header.Get("Content-Type"), err)
	}

	w.Header().Set("Content-Type", "application/x-protobuf")
	r.mu.Lock()
	defer r.mu.Unlock()

	switch req.URL.Path {
	case "/v1/traces":
		var e collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(b, &e); err != nil {
			r.bad = append(r.bad, err.Error())
		}

		for _, rs := range e.GetResourceSpans() {
			r.service = attr(rs.GetResource().GetAttributes(), "service.name")
			for _, ss := range rs.GetScopeSpans() {
				r.spans = append(r.spans, ss.GetSpans()...)
			}
		}
	case "/v1/metrics":
		var e metrics.ExportMetricsServiceRequest
		if err := proto.Unmarshal(b, &e); err != nil {
			r.bad = append(r.bad, err.Error())
		}

		for _, rm := range e.GetResourceMetrics() {
			for _, sm := range rm.GetScopeMetrics() {
				for _, m := range sm.GetMetrics() {
					r.metrics[m.GetName()] = true
				}
			}
		}
	default:
		r.bad = append(r.bad, req.URL.Path)
	}
}

func (r *receiver) fail(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.bad = append(r.bad, fmt.Sprintf(format, args...))
}

func attr(attrs []*common.KeyValue, key string) string {
	for _, kv := range attrs {
		if kv.GetKey() != key {
			continue
		}

		if s, ok := kv.GetValue().GetValue().(*common.AnyValue_StringValue); ok {
			return s.StringValue
		}

		return strconv.FormatInt(kv.GetValue().GetIntValue(), 10)
	}

	return ""
}

// tree draws the spans below a parent, those of one parent in order.
func tree(spans []*wire.Span, parent, indent string) []string {
	var lines []string

	for _, s := range spans {
		if hex.EncodeToString(s.GetParentSpanId()) == parent {
			line := indent + s.GetName() + " " + attr(s.GetAttributes(), "index") + attr(
				s.GetAttributes(),
				"status",
			)
			lines = append(
				lines,
				strings.Join(
					append([]string{line}, tree(spans, hex.EncodeToString(s.GetSpanId()), indent+"  ")...),
					"\n",
				),
			)
		}
	}

	slices.Sort(lines)

	return lines
}
