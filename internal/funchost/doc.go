// Package funchost implements the custom handler protocol of the Azure
// Functions host. It listens on the port that the host assigns, answers the
// readiness probe, serves the API below its prefix, and converts POST
// /{function} of a queue or timer trigger into one Go call.
//
//	GET  /              200, even before start-up has ended
//	any  /api/...       the API handler, unmodified (the host proxies); 503 until there is one
//	POST /{function}    a trigger: takes {"Data":{...},"Metadata":{...}}
//	                    and returns {"Outputs":{},"Logs":[],"ReturnValue":null}
//	else                404
//
// The host distinguishes two responses to a trigger. A 2xx with a JSON object
// acknowledges the message. Anything else requeues the message without delay,
// until its deliveries are used up. Therefore a trigger that cannot work now
// delays its response and retries, and a message that cannot succeed is logged
// and acknowledged. An empty response is never sent: the host would wait until
// its function timeout and then kill the process with every call in flight.
//
// Crash: it keeps no state; an unanswered trigger is delivered again.
// Duplicates and reordering are passed on: the callee decides by the rows that
// a message names. If a callee exceeds its deadline, its trigger is answered
// without it and counted in Stats as abandoned. The attempt number fences off
// what that callee still writes. A panic is an error of that one call.
//
// Only the host can reach a trigger. The listener is on loopback, the host
// routes outside callers only to paths below the prefix, and no such path
// reaches a trigger. X-Azure-* headers can be forged, so they are logged but
// not trusted.
//
// It may import only httpserver, state and telemetry/keys.
package funchost
