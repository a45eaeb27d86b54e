package webhook

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// MaxURL is the maximum length of a callback URL, in bytes.
const MaxURL = 2048

// Hosts is the list of hosts that callback URLs may name. The zero value allows
// none.
type Hosts []host

// host is an entry of the list.
type host struct {
	name string // in lower case; for a wildcard with its leading dot
	port string // empty: 443, or any port for loopback
	wild bool   // every name below the domain, but not the domain itself
}

// ParseHosts reads a list that is separated by commas. An entry is a host name
// or an IP address, with an optional port, or `*.` and a domain for all names
// below it. Without a port an entry allows port 443, and for loopback any port.
func ParseHosts(list string) (Hosts, error) {
	var hosts Hosts

	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.ToLower(strings.TrimSpace(entry))
		if entry == "" {
			continue
		}

		h, err := parseHost(entry)
		if err != nil {
			return nil, err
		}

		hosts = append(hosts, h)
	}

	return hosts, nil
}

func parseHost(entry string) (host, error) {
	u, err := url.Parse("//" + entry)
	if err != nil || u.Host != entry || u.Hostname() == "" || strings.HasSuffix(entry, ":") {
		return host{}, fmt.Errorf("%q is not a host name with an optional port", entry)
	}

	h := host{name: u.Hostname(), port: u.Port()}
	if _, err := strconv.ParseUint(h.port, 10, 16); h.port != "" && err != nil {
		return host{}, fmt.Errorf("%q: the port is not from 0 to 65535", entry)
	}

	if domain, ok := strings.CutPrefix(h.name, "*."); ok {
		h.name, h.wild = "."+domain, true
	}

	if strings.Contains(h.name, "*") || h.wild && !strings.Contains(h.name[1:], ".") {
		return host{}, fmt.Errorf("%q: a star stands for the names below a domain, as in *.example.com", entry)
	}

	return h, nil
}

// Check reports why a callback URL is refused: nil means it may be called. The
// error is a *RefusedError that repeats nothing of the URL except its host.
func (hosts Hosts) Check(callback string) error {
	_, err := hosts.parse(callback)

	return err
}

func (hosts Hosts) parse(callback string) (*url.URL, error) {
	refuse := func(format string, args ...any) (*url.URL, error) {
		return nil, &RefusedError{Reason: fmt.Sprintf(format, args...)}
	}

	if len(callback) > MaxURL {
		return refuse("has %d bytes, above the maximum of %d", len(callback), MaxURL)
	}

	u, err := url.Parse(callback)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return refuse("is not an absolute URL: want https://host/path")
	}

	if u.User != nil {
		return refuse("holds a user name or password: the signature identifies the sender")
	}

	if u.Fragment != "" {
		return refuse("holds a fragment, which no server receives")
	}

	if len(hosts) == 0 {
		return refuse("callbacks are disabled: CALLBACK_HOSTS lists no host")
	}

	name := strings.ToLower(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(name)) {
		return refuse("the scheme is %q: want https", u.Scheme)
	}

	if !hosts.allow(name, u.Port()) {
		return refuse("%q is not in CALLBACK_HOSTS", u.Host)
	}

	return u, nil
}

func (hosts Hosts) allow(name, port string) bool {
	for _, h := range hosts {
		match := name == h.name || h.wild && strings.HasSuffix(name, h.name) && len(name) > len(h.name)
		if !match {
			continue
		}

		switch {
		case h.port != "" && port == h.port,
			h.port == "" && (port == "" || port == "443"),
			h.port == "" && isLoopback(name),
			h.port == "443" && port == "":
			return true
		}
	}

	return false
}

// isLoopback reports whether a host is this machine by its name alone.
func isLoopback(name string) bool {
	if name == "localhost" {
		return true
	}

	ip, err := netip.ParseAddr(name)

	return err == nil && ip.Unmap().IsLoopback()
}
