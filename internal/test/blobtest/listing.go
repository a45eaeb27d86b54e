package blobtest

import (
	"bufio"
	"crypto/md5" //nolint:gosec // the checksum that storage returns, not a protection
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"
)

// Listing returns the connection string of an account with one container named
// listing, which has n blobs. The blobs exist only in its responses to List
// Blobs, so the test does not need time to write them. All other requests get
// status 404.
func Listing(t testing.TB, n int) (connection string) {
	t.Helper()

	const account = "listing"

	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if r.Method != http.MethodGet || r.URL.Path != "/"+account+"/listing" || query.Get("comp") != "list" {
			(&Refusal{Status: http.StatusNotFound, Code: "ContainerNotFound"}).answer(w)
			return
		}

		most, err := strconv.Atoi(query.Get("maxresults"))
		if err != nil || most > 5000 {
			most = 5000
		}

		from, err := strconv.Atoi(query.Get("marker"))
		if err != nil {
			from = 0
		}

		w.Header().Set("Content-Type", "application/xml")
		writePage(w, from, min(from+most, n), n)
	}))
	t.Cleanup(front.Close)

	return connectionTo(front, account)
}

// connectionTo returns the connection string of an account that only the
// responses of a server make up.
func connectionTo(front *httptest.Server, account string) string {
	key := base64.StdEncoding.EncodeToString([]byte("the key of an account that does not exist"))

	return connectionString(account, key, front.URL+"/"+account)
}

// ListedSize and ListedExtensions describe the blobs of a listing. The i-th
// blob has ListedSize(i) bytes and the extension ListedExtensions[i % 4]. Every
// tenth blob has the content of the one before it.
func ListedSize(i int) int64 { return int64(1000 + i%5000) }

// ListedExtensions are the extensions of a listing, in turn.
var ListedExtensions = []string{"tif", "json", "csv", "parquet"}

func writePage(w http.ResponseWriter, from, to, n int) {
	out := bufio.NewWriter(w)
	_, _ = fmt.Fprint(
		out,
		`<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="listing"><Blobs>`,
	)

	for i := from; i < to; i++ {
		of, size := i, ListedSize(i)
		if i%10 == 9 {
			of, size = i-1, ListedSize(i-1)
		}

		var number [8]byte
		binary.BigEndian.PutUint64(number[:], uint64(of))
		sum := md5.Sum(number[:]) //nolint:gosec // as above
		at := time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC).Format(http.TimeFormat)
		_, _ = fmt.Fprintf(
			out,
			`<Blob><Name>year=2026/day=%03d/station-%02d/measurement-%09d.%s</Name><Properties>`+
				`<Creation-Time>%s</Creation-Time><Last-Modified>%s</Last-Modified>`+
				`<Etag>0x8DC0000%08X</Etag><Content-Length>%d</Content-Length>`+
				`<Content-Type>application/octet-stream</Content-Type><Content-MD5>%s</Content-MD5>`+
				`<BlobType>BlockBlob</BlobType>`+
				`<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred>`+
				`<LeaseStatus>unlocked</LeaseStatus>`+
				`<LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties></Blob>`,
			i/1000%365,
			i%17,
			i,
			ListedExtensions[i%len(ListedExtensions)],
			at,
			at,
			i,
			size,
			base64.StdEncoding.EncodeToString(sum[:]),
		)
	}

	_, _ = fmt.Fprint(out, `</Blobs><NextMarker>`)
	if to < n {
		_, _ = fmt.Fprint(out, to)
	}

	_, _ = fmt.Fprint(out, `</NextMarker></EnumerationResults>`)
	_ = out.Flush() // the client may have disconnected
}
