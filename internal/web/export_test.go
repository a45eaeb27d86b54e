package web

// PagePaths returns the patterns of all pages, without those of raw JSON.
func PagePaths() []string {
	var all []string

	for _, p := range pages {
		if p.load != nil {
			all = append(all, p.path)
		}
	}

	return all
}
