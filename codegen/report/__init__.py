"""Pictures and pages: what is known of layers and models, drawn for people. All text of theirs is escaped."""
