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

// header carries the id of a request, and of its answer.
const header = "X-Request-Id"

// Problem is the body of a refusal. WriteProblem fills in Title and RequestID,
// and Code where it is empty.
type Problem struct {
	Title     string             `json:"title"` // the standard reason phrase of the status
	Status    int                `json:"status"`
	Detail    string             `json:"detail"`
	Code      state.Code         `json:"code"`
	RequestID string             `json:"request_id"`
	Errors    []state.FieldError `json:"errors,omitempty"`
}

// codes are the codes of refusals that no error of the program stands behind.
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

// WriteProblem answers a request with a refusal.
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
	encoder.SetEscapeHTML(false) // no answer is taken for HTML
	_ = encoder.Encode(d)        // of text and numbers, which always can be

	h := w.Header()
	for _, of := range []string{"ETag", "Location"} { // of the answer that there is not
		h.Del(of)
	}

	h.Set("Content-Type", ProblemType)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(d.Status)

	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the caller may be gone
	}
}

type requestIDKey struct{}

// RequestID is the id that Identify gave to a request; empty: none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// Identify gives a request and its answer an id: the one that it has, the
// caller's, where it is short and plain, else a new one.
func Identify(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	if RequestID(r.Context()) != "" {
		return w, r
	}

	id := r.Header.Get(header)
	if !plain(id) {
		var random [12]byte

		_, _ = rand.Read(random[:]) // it never fails
		id = hex.EncodeToString(random[:])
	}

	w.Header().Set(header, id)

	return w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
}

// plain reports whether a text is short, not empty, and made of letters,
// digits, dot, dash and underscore.
func plain(s string) bool {
	const maxBytes = 64

	return s != "" && len(s) <= maxBytes && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' &&
			c != '_'
	})
}
