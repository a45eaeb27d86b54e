// Package web is the dashboard: pages rendered on the server, static files, and
// streams that keep the pages live.
//
//	/api/ui/...          the layout and the static files; anonymous, so it never holds data unless Options.Inline says that nobody asks for keys
//	/api/docs            the reference of the API, which is /api/ui/docs too: a browser that follows a link sends no key
//	/api/view/...        the content of the same page, below the key-protected part of the API
//	/api/view/.../live   the same content as server-sent events: the parts that changed
//
// It only reads. Buttons post to the JSON API from the browser, and the stream
// shows the effect.
//
// A page is one entry of the table in pages.go, one Go file and one template
// file:
//
// 1. pages.go: a row with the name, the path below /ui with {parameters}, and
// the query parameters that it takes (others are refused). 2. NAME.go: load,
// which reads and returns a content: title, data, and the live parts. 3.
// templates/NAME.html: {{define "NAME"}} is the body. Each live part is a
// template of its own whose one element has the part's id,
//
//	and the body includes it with {{template}}; the stream renders the same template again and sends it when it changed.
//	A page with a row's pace of 0 is not live.
//
// Templates write no style attribute and no inline script: the
// Content-Security-Policy refuses both. Widths in drawings are attributes of
// SVG. What all templates share is in funcs.go (badge, icon, num, took, ago,
// since, blob, ui, api) and templates/parts.html.
//
// Crash: nothing is kept but caches; a viewer connects again and gets the page
// as it is. Duplicate: a message replaces what it names, so that it may come
// twice. Reorder: a viewer gets the newest rendering of each part and never an
// older one after it.
//
// It may import only state, coremachine, share, sse, web/apidoc, api (for the
// parameters and cursors of lists), third_party/htmx and telemetry/keys.
package web
