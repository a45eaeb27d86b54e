package funchost

import (
	"net/http"
	"strconv"

	"coremachine/internal/httpserver"
	"coremachine/internal/state"
)

// acknowledged is the complete response. The host completes a message only for
// a JSON object, but not for status 204, an empty body, null or another media
// type.
const acknowledged = `{"Outputs":{},"Logs":[],"ReturnValue":null}`

// ack completes the message.
func ack(w http.ResponseWriter) { respond(w, http.StatusOK, acknowledged) }

// nack asks the host for another delivery. Only the status has an effect; the
// body is for the host's log.
func nack(w http.ResponseWriter, code state.Code) {
	status := http.StatusInternalServerError
	if code == state.CodeUnavailable || code == state.CodeTimeout {
		status = http.StatusServiceUnavailable
	}

	respond(w, status, `{"Outputs":{},"Logs":[`+strconv.Quote(string(code))+`],"ReturnValue":null}`)
}

func respond(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // if the host is gone, it delivers the message again
}

// writeProblem writes an error response in the format of the API.
func writeProblem(w http.ResponseWriter, r *http.Request, status int, detail string) {
	httpserver.WriteProblem(w, r, httpserver.Problem{Status: status, Detail: detail})
}
