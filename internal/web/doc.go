// Package web is the dashboard: pages rendered on the server, static files, and
// streams that keep the pages live.
//
//	/api/ui/...          the layout and the static files, which need no key
//	/api/docs            the reference of the API, also at /api/ui/docs
//	/api/view/...        the content of the same page, which needs a key
//	/api/view/.../live   the same content as server-sent events
//
// The layout holds no data unless Options.Inline says that no keys are required.
// The reference needs no key, because a browser that follows a link sends none.
// A stream sends the parts of the content that have changed.
//
// The dashboard only reads. Buttons send requests from the browser to the JSON
// API, and the stream shows the effect.
//
// A page consists of one entry of the table in pages.go, one Go file and one
// template file:
//
//  1. pages.go has a row with the name, the path below /ui with {parameters},
//     and the query parameters that the page accepts. It rejects others. A page
//     whose row has a pace of 0 is not live.
//  2. NAME.go has load, which reads the data and returns a content: title, data,
//     and the live parts.
//  3. templates/NAME.html has the body, {{define "NAME"}}. Each live part is a
//     template of its own with a single element that has the part's id. The
//     body includes it with {{template}}. The stream renders the same template
//     again and sends it when it has changed.
//
// Templates use no style attributes and no inline scripts, because the
// Content-Security-Policy forbids both. Widths in drawings are attributes of
// SVG. What all templates share is in funcs.go (badge, icon, num, took, ago,
// since, blob, ui, api) and templates/parts.html.
//
// Crash: only caches are lost. A viewer reconnects and gets the current page.
// Duplicate: a message replaces the element that it names, so it may arrive
// twice. Reorder: a viewer gets the newest rendering of each part, and never an
// older one after it.
//
// It may import only state, view, coremachine, singleflight, httpserver, web/apidoc,
// api (for the parameters and cursors of lists), third_party/htmx and
// telemetry/keys.
package web
