package router

import (
	"strconv"

	"rhapsode/diffs/junos"
)

// attributesOf are the marks of the commit or of the edit, as <configuration> has them in XML and JSON.
func attributesOf(v view, committed bool) []junos.Attribute {
	if !committed && v.edited != nil {
		when := v.edited.when.UTC()
		return []junos.Attribute{
			{Name: "junos:changed-seconds", Value: strconv.FormatInt(when.Unix(), 10)},
			{Name: "junos:changed-localtime", Value: when.Format(stamp)},
		}
	}
	when := v.commit.Time.UTC()
	return []junos.Attribute{
		{Name: "junos:commit-seconds", Value: strconv.FormatInt(when.Unix(), 10)},
		{Name: "junos:commit-localtime", Value: when.Format(stamp)},
		{Name: "junos:commit-user", Value: v.commit.User},
	}
}

// configurationXML writes a configuration as NETCONF sends it, with the marks of the commit or of the edit.
func configurationXML(t *junos.Tree, v view, committed bool) string {
	return t.XML(netconfAttributes(v, committed)...)
}

func netconfAttributes(v view, committed bool) []junos.Attribute {
	return append([]junos.Attribute{{Name: "xmlns", Value: configNS}}, attributesOf(v, committed)...)
}

// before is what the committed or the candidate configuration was made from, for the mark of what has changed since.
func (db *database) before(committed bool) (*junos.Tree, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	switch {
	case !committed:
		return db.active, nil
	case len(db.index.Commits) < 2:
		return junos.New(nil), nil
	}
	return db.configurationAt(1)
}

// filterTree keeps what the <configuration> of a subtree filter names; without one, all.
func filterTree(t *junos.Tree, filter *element) (*junos.Tree, error) {
	if filter == nil {
		return t, nil
	}
	return t.Filter(string(filter.raw))
}
