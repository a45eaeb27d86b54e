package devhost

import (
	"net/url"
	"slices"
	"strings"
)

type pair struct{ name, value string }

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
