// Package funchost is our half of the contract with the Azure Functions host:
// it listens where the host says, answers the readiness probe, serves the API
// below its prefix and turns POST /{function} of a queue or timer trigger into
// one Go call.
//
//	GET  /                    200 at once, whatever start-up is doing
//	any  /api/...             the API handler, raw (the host proxies); 503 until there is one
//	POST /{function}          a trigger: {"Data":{...},"Metadata":{...}} in, {"Outputs":{},"Logs":[],"ReturnValue":null} out
//	else                      404
//
// The host knows two answers to a trigger: 2xx with a JSON object acknowledges
// the message, everything else hands it back at once, without delay, until its
// deliveries are spent. So a trigger that cannot work now holds its answer and
// tries again, and a message that no try can mend is logged and acknowledged.
// Nothing else is ever said, above all never nothing: the host waits for an
// empty answer until its function timeout, then kills the process with every
// call in flight.
//
// Crash: nothing is kept here; an unanswered trigger is delivered again.
// Duplicates and reordering pass through: the callee decides by the rows that a
// message names. A callee that outlives its deadline is given up and answered
// for; it is counted in Stats, and whatever it still does is fenced out by the
// attempt that it holds. A panic is an error of that one call.
//
// Only the host can reach a trigger: the listener is on loopback, the host
// routes outside callers below the prefix only, and no path below the prefix
// leads to a trigger. No X-Azure-* header proves anything, so none is trusted;
// they go to the log.
//
// It may import only state and telemetry/keys.
package funchost
