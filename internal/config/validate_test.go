package config_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/internal/config"
)

type inner struct {
	Deep int `yaml:"deep" validate:"lt=5"`
}

type ranges struct {
	Count   int        `yaml:"count" validate:"gte=1,lte=9"`
	Share   float64    `yaml:"share" validate:"gte=0,lt=1"`
	Open    float64    `yaml:"open" validate:"gt=0,lte=1"`
	Least   int        `yaml:"least" validate:"gte=0"`
	Number  float64    `yaml:"number" validate:"finite"`
	Kind    string     `yaml:"kind" validate:"oneof=a b c"`
	List    []int      `yaml:"list,flow" validate:"min=1,max=3,dive,gt=0"`
	Pair    [2]float32 `yaml:"pair" validate:"dive,gt=0,finite"`
	Scale   *float64   `yaml:"scale,omitempty" validate:"omitempty,gte=0,finite"`
	Low     float64    `yaml:"low" validate:"gte=0,ltefield=Open"`
	Inner   []inner    `yaml:"inner" validate:"dive"`
	Unnamed int        `yaml:"-"`
}

func TestValidate(t *testing.T) {
	valid := func() ranges {
		return ranges{Count: 1, Open: 1, Kind: "b", List: []int{1}, Pair: [2]float32{1, 1}}
	}
	require.NoError(t, config.Validate(valid(), "x"))
	nan, below := math.NaN(), -1.0
	for want, edit := range map[string]func(*ranges){
		"x.count = 0: must be from 1 to 9":                    func(r *ranges) { r.Count = 0 },
		"x.count = 10: must be from 1 to 9":                   func(r *ranges) { r.Count = 10 },
		"x.share = 1: must be in [0, 1)":                      func(r *ranges) { r.Share = 1 },
		"x.share = NaN: must be in [0, 1)":                    func(r *ranges) { r.Share = nan },
		"x.open = 0: must be in (0, 1]":                       func(r *ranges) { r.Open = 0 },
		"x.least = -1: must be at least 0":                    func(r *ranges) { r.Least = -1 },
		"x.number = +Inf: must be finite":                     func(r *ranges) { r.Number = math.Inf(1) },
		`x.kind = "": must be a, b or c`:                      func(r *ranges) { r.Kind = "" },
		"x.list = []: must be a list of 1 to 3 values":        func(r *ranges) { r.List = nil },
		"x.list = [1 1 1 1]: must be a list of 1 to 3 values": func(r *ranges) { r.List = []int{1, 1, 1, 1} },
		"x.list[1] = 0: must be above 0":                      func(r *ranges) { r.List = []int{1, 0} },
		"x.pair[1] = -1: must be above 0":                     func(r *ranges) { r.Pair[1] = -1 },
		"x.pair[0] = +Inf: must be above 0 and finite":        func(r *ranges) { r.Pair[0] = float32(math.Inf(1)) },
		"x.scale = -1: must be at least 0":                    func(r *ranges) { r.Scale = &below },
		"x.scale = NaN: must be at least 0":                   func(r *ranges) { r.Scale = &nan },
		"x.low = 2: must be in [0, open]":                     func(r *ranges) { r.Low = 2 },
		"x.inner[1].deep = 5: must be below 5":                func(r *ranges) { r.Inner = []inner{{1}, {5}} },
	} {
		r := valid()
		edit(&r)
		require.ErrorContains(t, config.Validate(r, "x"), want)
		require.ErrorContains(t, config.Validate(r, ""), want[2:])
	}
}
