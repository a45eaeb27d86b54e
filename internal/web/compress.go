package web

import (
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

// compressed are the types of answers that are worth compressing. Streams are
// not among them: each message must arrive immediately.
var compressed = []string{"text/html", "text/css", "text/javascript", "text/plain", "application/json"}

// olderHost is in the user agent of requests that the Functions host forwards
// without the proxying mode. That mode drops content headers of answers, so the
// browser would not learn that an answer is compressed.
const olderHost = "Azure-Functions-Host/"

// compress answers with gzip if the client accepts it. An entity tag names the
// bytes of an answer, so a compressed answer must not have the tag of another
// form: it has none.
func compress(next http.HandlerFunc) http.Handler {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.ContentTypes(compressed),
		gzhttp.EnableZstd(false),
		gzhttp.DropETag(),
	)
	if err != nil {
		panic(err) // the options are constant
	}

	zipped := wrap(next)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/live") || strings.Contains(r.UserAgent(), olderHost) {
			next(w, r)
			return
		}

		zipped(w, r)
	})
}
