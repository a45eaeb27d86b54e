package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"

	"coremachine/internal/httpserver"
	"coremachine/internal/telemetry/keys"
)

// list is one page as answered.
type list[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"` // null on the last page
}

// backList is a page of a list that can also be read backwards.
type backList[T any] struct {
	list[T]
	PrevCursor *string `json:"prev_cursor"` // null if no item precedes the page
}

func (a *API) ok(w http.ResponseWriter, r *http.Request, body any) {
	a.write(w, r, http.StatusOK, body)
}

// write encodes before it writes. A value that cannot be encoded therefore
// results in a 500 and not in an incomplete answer. Text is not escaped for
// HTML, because no client interprets the answers as HTML.
func (a *API) write(w http.ResponseWriter, r *http.Request, status int, body any) {
	var b bytes.Buffer

	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)

	if err := enc.Encode(body); err != nil {
		a.Log.LogAttrs(
			r.Context(),
			slog.LevelError,
			"an answer could not be encoded",
			slog.Any(keys.Error, err),
			requestAttr(r),
		)
		httpserver.WriteProblem(w, r, Problem{Status: http.StatusInternalServerError, Detail: internalDetail})

		return
	}

	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)

	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the client may have disconnected
	}
}
