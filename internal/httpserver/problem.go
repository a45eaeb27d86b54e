package httpserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"coremachine/internal/state"
)

// ProblemType is the media type of problem details.
const ProblemType = "application/problem+json"

// requestIDHeader carries the ID of a request, in the request and the response.
const requestIDHeader = "X-Request-Id"

// Problem is the body of an error response. WriteProblem fills in Title and
// RequestID, and Code if it is empty.
type Problem struct {
	// Title is the standard reason phrase of the status.
	Title     string             `json:"title"`
	Status    int                `json:"status"`
	Detail    string             `json:"detail"`
	Code      state.Code         `json:"code"`
	RequestID string             `json:"request_id"`
	Errors    []state.FieldError `json:"errors,omitempty"`
}

// codes are the codes of error responses that no state.Error caused.
var codes = map[int]state.Code{
	http.StatusBadRequest:            state.CodeInvalid,
	http.StatusUnauthorized:          state.CodeUnauthorized,
	http.StatusForbidden:             state.CodeForbidden,
	http.StatusNotFound:              state.CodeNotFound,
	http.StatusMethodNotAllowed:      state.CodeMethodNotAllowed,
	http.StatusConflict:              state.CodeConflict,
	http.StatusRequestEntityTooLarge: state.CodeTooLarge,
	http.StatusTooManyRequests:       state.CodeBusy,
	http.StatusServiceUnavailable:    state.CodeUnavailable,
}

// WriteProblem writes an error response.
func WriteProblem(w http.ResponseWriter, r *http.Request, d Problem) {
	w, r = Identify(w, r)

	d.Title, d.RequestID = http.StatusText(d.Status), RequestID(r.Context())
	if d.Code == "" {
		d.Code = state.CodeInternal
		if code, ok := codes[d.Status]; ok {
			d.Code = code
		}
	}

	var b bytes.Buffer

	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // browsers do not interpret the response as HTML
	_ = encoder.Encode(d)        // text and numbers can always be encoded

	h := w.Header()
	for _, of := range []string{"ETag", "Location"} { // set for the response that was not written
		h.Del(of)
	}

	h.Set("Content-Type", ProblemType)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(d.Status)

	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the client may have disconnected
	}
}

type requestIDKey struct{}

// RequestID returns the ID that Identify assigned, or "" if there is none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// Identify assigns an ID to a request and its response. It keeps an ID that was
// assigned before, uses the client's if it is short and plain, and generates
// one otherwise.
func Identify(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	if RequestID(r.Context()) != "" {
		return w, r
	}

	id := r.Header.Get(requestIDHeader)
	if !plain(id) {
		var random [12]byte

		_, _ = rand.Read(random[:]) // never fails
		id = hex.EncodeToString(random[:])
	}

	w.Header().Set(requestIDHeader, id)

	return w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
}

// plain reports whether a text has 1 to 64 letters, digits, dots, dashes and
// underscores.
func plain(s string) bool {
	const maxBytes = 64

	return s != "" && len(s) <= maxBytes && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' &&
			c != '_'
	})
}
