package config

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// checkStorage refuses what would send keys, tokens or blobs in clear text
// through a network.
func (c *Config) checkStorage() []error {
	var bad []error

	if c.Storage != "" {
		connection := string(c.Storage)
		endpoint := part(connection, "BlobEndpoint")

		open := strings.HasPrefix(strings.ToLower(endpoint), "http:")
		if open && !loopback(endpoint) ||
			endpoint == "" && strings.EqualFold(part(connection, "DefaultEndpointsProtocol"), "http") {
			bad = append(bad, errors.New("STORAGE: http is allowed for loopback addresses only"))
		}
	}

	if c.StorageURI != "" {
		u, err := url.Parse(c.StorageURI)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
			bad = append(
				bad,
				errors.New(
					"STORAGE__blobServiceUri: is not a blob service address such as https://name.blob.core.windows.net",
				),
			)
		}
	}

	return bad
}

// part is the value of a key of a connection string, "" where it has none.
func part(connection, key string) string {
	for pair := range strings.SplitSeq(connection, ";") {
		name, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(strings.TrimSpace(name), key) {
			return strings.TrimSpace(value)
		}
	}

	return ""
}

// loopback reports whether an address is on this machine.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}

	if u.Hostname() == "localhost" {
		return true
	}

	ip := net.ParseIP(u.Hostname())

	return ip != nil && ip.IsLoopback()
}
