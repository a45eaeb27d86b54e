package devhost

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// The default mode passes an HTTP request as an envelope. It applies to
// functions with more than one input or output, and if host.json enables
// neither proxying nor forwarding.

func (s *session) serveEnvelope(
	w http.ResponseWriter,
	r *http.Request,
	f *Function,
	params map[string]string,
	id string,
) error {
	buffer := getBuffer()
	if err := writeHTTP(buffer, r, f.Trigger.Name, params, s.stamp(f)); err != nil {
		buffers.Put(buffer)
		return err
	}

	a, err := s.post(r.Context(), f, id, buffer)
	if err != nil {
		return err
	}

	if err := s.sendOutputs(r.Context(), f, a); err != nil {
		return err
	}

	for _, b := range f.Outputs {
		if b.Type == "http" {
			return writeResponse(w, outputOf(f, b, a))
		}
	}

	w.WriteHeader(http.StatusNoContent)

	return nil
}

// writeHTTP writes the envelope of an HTTP request. Metadata contains the
// properties of a JSON body, the query and the route parameters. Later ones
// replace earlier ones.
func writeHTTP(
	buffer *bytes.Buffer,
	r *http.Request,
	binding string,
	params map[string]string,
	by stamp,
) error {
	var body []byte

	if r.ContentLength > 0 {
		var err error
		if body, err = readAll(r); err != nil {
			return err
		}
	}

	query := firstQuery(r.URL.RawQuery)
	headers := http.Header{"Host": {r.Host}}
	maps.Copy(headers, r.Header)

	if r.ContentLength > 0 {
		headers.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}

	names := headerNames(headers)

	to := append(buffer.AvailableBuffer(), `{"Data":{`...)
	to = append(appendString(to, binding), `:{"Url":`...)
	to = append(appendString(to, "http://"+r.Host+r.URL.RequestURI()), `,"Method":`...)
	to = append(appendString(to, r.Method), `,"Query":`...)
	to = append(appendPairs(to, query), `,"Headers":{`...)

	for i, name := range names {
		if i > 0 {
			to = append(to, ',')
		}

		to = append(appendString(to, name), ':', '[')
		for j, v := range headers[name] {
			if j > 0 {
				to = append(to, ',')
			}

			to = appendString(to, v)
		}

		to = append(to, ']')
	}

	to = append(to, `},"Params":`...)

	to = append(appendPairs(to, paramPairs(params)), `,"Identities":[]`...)
	if body != nil {
		to = append(to, `,"Body":`...)
		if inBase64(r.Header.Get("Content-Type")) {
			to = appendString(to, base64.StdEncoding.EncodeToString(body))
		} else {
			to = appendString(to, lossyText(body))
		}
	}

	m := metadata{to: append(to, `}},"Metadata":{`...)}
	m.request(lossyText(body), query, paramPairs(params), headers, names)
	m.sys(by)
	buffer.Write(append(m.to, '}', '}'))

	return nil
}

type pair struct{ name, value string }

func (m *metadata) request(body string, query, params []pair, headers http.Header, names []string) {
	all := remaining(injected(body))
	put := func(p property) {
		if i := slices.IndexFunc(
			all,
			func(q property) bool { return strings.EqualFold(q.name, p.name) },
		); i >= 0 {
			all[i].value = p.value
			return
		}

		all = append(all, p)
	}

	for _, q := range query {
		if q.name != "code" {
			put(property{q.name, appendTwice(nil, q.value)})
		}
	}

	for _, p := range params {
		put(property{p.name, appendTwice(nil, p.value)})
	}

	taken := map[string]bool{}
	for _, p := range all {
		taken[strings.ToLower(p.name)] = true
		m.raw(p.name, string(p.value))
	}

	if !taken["query"] {
		m.raw("Query", string(appendPairs(nil, query)))
	}

	if !taken["headers"] {
		flat := make([]pair, len(names))
		for i, name := range names {
			flat[i] = pair{name, strings.Join(headers[name], ",")}
		}

		m.raw("Headers", string(appendPairs(nil, flat)))
	}
}

// writeResponse writes the response that the http output describes: an object
// with statusCode or status, body and headers. Without an output the status is
// 200.
func writeResponse(w http.ResponseWriter, value json.RawMessage) error {
	if value == nil {
		w.WriteHeader(http.StatusOK)
		return nil
	}

	var members map[string]json.RawMessage
	if err := json.Unmarshal(value, &members); err != nil {
		return fmt.Errorf("the http output must be a JSON object: %w", err)
	}

	status := http.StatusOK

	for _, name := range []string{"status", "statusCode"} {
		text := strings.Trim(string(member(members, name)), `"`)
		if n, err := strconv.Atoi(text); err == nil && n >= 100 && n < 1000 {
			status = n
		}
	}

	var headers map[string]string
	if h := member(members, "headers"); h != nil {
		if err := json.Unmarshal(h, &headers); err != nil {
			return fmt.Errorf("headers: %w", err)
		}
	}

	var body []byte
	if raw := member(members, "body"); raw != nil {
		body = responseBody(raw)
	}

	for name, v := range headers {
		w.Header().Set(name, v)
	}

	w.WriteHeader(status)
	_, err := w.Write(body)

	return err
}

// responseBody returns the bytes of a body value. Text that is valid base64 is
// decoded first.
func responseBody(raw json.RawMessage) []byte {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return outputText(raw)
	}

	if isBase64(s) {
		if b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), "")); err == nil {
			return b
		}
	}

	return []byte(s)
}

func inBase64(contentType string) bool {
	return strings.HasPrefix(contentType, "application/octet-stream") ||
		strings.HasPrefix(contentType, "multipart/")
}

func readAll(r *http.Request) ([]byte, error) {
	var b bytes.Buffer

	_, err := b.ReadFrom(r.Body)

	return b.Bytes(), err
}

// firstQuery returns a query as a dictionary, in order of first appearance.
// Repeated values are joined with commas.
func firstQuery(raw string) []pair {
	var all []pair

	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}

		key, value, _ := strings.Cut(part, "=")
		k, err1 := url.QueryUnescape(key)

		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			continue
		}

		if i := slices.IndexFunc(all, func(p pair) bool { return strings.EqualFold(p.name, k) }); i >= 0 {
			all[i].value += "," + v
			continue
		}

		all = append(all, pair{k, v})
	}

	return all
}

// mergedQuery returns a query after conversion to that dictionary and back.
func mergedQuery(raw string) string {
	parts := firstQuery(raw)

	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = url.QueryEscape(p.name) + "=" + url.QueryEscape(p.value)
	}

	return strings.Join(texts, "&")
}

func appendPairs(to []byte, pairs []pair) []byte {
	to = append(to, '{')

	for i, p := range pairs {
		if i > 0 {
			to = append(to, ',')
		}

		to = appendString(to, p.name)
		to = append(to, ':')
		to = appendString(to, p.value)
	}

	return append(to, '}')
}

func paramPairs(params map[string]string) []pair {
	all := make([]pair, 0, len(params))
	for k, v := range params {
		all = append(all, pair{k, v})
	}

	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })

	return all
}

// headerNames returns the names sorted, with Host first, like the golden
// examples.
func headerNames(h http.Header) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}

	sort.Slice(names, func(i, j int) bool {
		if (names[i] == "Host") != (names[j] == "Host") {
			return names[i] == "Host"
		}

		return names[i] < names[j]
	})

	return names
}
