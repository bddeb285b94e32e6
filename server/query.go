package server

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"scalenet/detector"
	"scalenet/server/models"
	"scalenet/tile"
)

// query has the detection parameters of a request.
type query struct {
	settings  detector.Settings // but for those of selection
	selection detector.Selection
	tiles     tile.Options
}

// parameters are the names of an API's detection parameters: that of the score threshold, and the others.
type parameters struct {
	threshold string
	others    []string
}

func (p parameters) all() []string { return append(slices.Clone(p.others), p.threshold) }

// The parameters of the APIs. /detect has url besides these, a source of images.
var (
	detectParameters    = parameters{"threshold", []string{"classes", "format", "max", "model", "nms", "overlap", "size", "tile"}}
	protocolParameters  = parameters{"threshold", []string{"classes", "max", "nms", "overlap", "size", "tile"}}
	studioParameters    = protocolParameters
	deepStackParameters = parameters{"min_confidence", []string{"classes", "max", "nms", "size"}}
)

// addressQuery parses the query string of a URL. Unlike URL.Query, it returns an
// error for what it cannot parse.
func addressQuery(raw string) (url.Values, error) {
	values := url.Values{}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		if strings.Contains(part, ";") {
			return nil, badRequest("the query has a semicolon in %s: separate parameters by &, and write ; in a value as %%3B", quoted(part))
		}
		key, value, _ := strings.Cut(part, "=")
		for _, text := range []*string{&key, &value} {
			plain, err := url.QueryUnescape(*text)
			if err != nil {
				return nil, badRequest("the query has %s: %% must be followed by two hexadecimal digits; %% itself is %%25", quoted(part))
			}
			*text = plain
		}
		values.Add(key, value)
	}
	return values, nil
}

// parseQuery parses the detection parameters of an API. threshold is for what is not
// given in that of the score threshold. The error names the parameter and the value.
func parseQuery(values url.Values, m *models.Model, p parameters, threshold detector.Threshold) (query, error) {
	known := p.all()
	for key := range values {
		if !slices.Contains(known, key) {
			return query{}, badRequest("parameter %q is not known; known are %s", shown(key), strings.Join(known, ", "))
		}
	}
	for _, key := range known {
		if key == "classes" { // a list
			continue
		}
		if err := once(values, key); err != nil {
			return query{}, err
		}
	}
	q := query{settings: m.Detector.Model().Settings()}
	scores, err := minScores(values, p.threshold, m, threshold)
	if err != nil {
		return q, err
	}
	nms, err := unitParameter(values, "nms", q.settings.Detections.NMSIoU)
	if err != nil {
		return q, err
	}
	if q.tiles, err = parseTiles(values); err != nil {
		return q, err
	}
	most := q.settings.Detections.PerImage
	if q.tiles.Side > 0 { // the model's limit is one of each tile
		most = 0
	}
	if text := values.Get("max"); text != "" {
		if most, err = strconv.Atoi(text); err != nil || most < 1 {
			return q, badRequest("max = %q: want a number from 1", shown(text))
		}
	}
	if err := q.setSize(values.Get("size")); err != nil {
		return q, err
	}
	wanted, err := parseClasses(values["classes"], m.Classes())
	if err != nil {
		return q, err
	}
	q.selection = detector.NewSelection(scores, most, nms).Only(wanted)
	return q, nil
}

// run returns the settings of the detector.
func (q query) run() detector.Settings {
	q.selection.Apply(&q.settings)
	return q.settings
}

func unitParameter(values url.Values, key string, otherwise float64) (float64, error) {
	text := values.Get(key)
	if text == "" {
		return otherwise, nil
	}
	v, err := strconv.ParseFloat(text, 32)
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, badRequest("%s = %q: want a number from 0 to 1", key, shown(text))
	}
	return v, nil
}

// setSize accepts the published sizes and that of the model. Each other size would
// need a compiled plan.
func (q *query) setSize(text string) error {
	if text == "" || text == "model" {
		return nil
	}
	names := ""
	for _, p := range detector.Protocols() {
		if text == p.String() {
			q.settings.SetSize(p.Shorter, p.Longest)
			return nil
		}
		names += p.String() + ", "
	}
	return badRequest("size = %q: want %sor model", shown(text), names)
}

// parseClasses parses comma-separated class names and ids. It returns which of the names are wanted, nil for all.
func parseClasses(lists []string, names []string) ([]bool, error) {
	var classes []bool
	for _, text := range strings.Split(strings.Join(lists, ","), ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		at := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, text) })
		if at < 0 {
			if id, err := strconv.Atoi(text); err == nil && id >= 1 && id <= len(names) {
				at = id - 1
			}
		}
		if at < 0 {
			return nil, badRequest("classes: the model has no class %q; it has %s", shown(text), someOf(names))
		}
		if classes == nil {
			classes = make([]bool, len(names))
		}
		classes[at] = true
	}
	return classes, nil
}

// someOf lists the first names, as many as fit into a message.
func someOf(names []string) string {
	const most = 20
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
