package funchost

import (
	"net/http"
	"strconv"

	"coremachine/internal/httpserver"
	"coremachine/internal/state"
)

// acknowledged is the whole envelope. The host completes nothing for less than
// a JSON object: not for 204, an empty body, null or another media type.
const acknowledged = `{"Outputs":{},"Logs":[],"ReturnValue":null}`

// acknowledge tells the host that the message is done with.
func acknowledge(w http.ResponseWriter) { answer(w, http.StatusOK, acknowledged) }

// split asks the host for another delivery; only the status counts, the body
// is for whoever reads along.
func split(w http.ResponseWriter, code state.Code) {
	status := http.StatusInternalServerError
	if code == state.CodeUnavailable || code == state.CodeTimeout {
		status = http.StatusServiceUnavailable
	}

	answer(w, status, `{"Outputs":{},"Logs":[`+strconv.Quote(string(code))+`],"ReturnValue":null}`)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // a host that is gone delivers the message again
}

// refuse answers as the API does where no API answers.
func refuse(w http.ResponseWriter, r *http.Request, status int, detail string) {
	httpserver.WriteProblem(w, r, httpserver.Problem{Status: status, Detail: detail})
}
