"""What the pages know, without a widget: the project folder, maps, colours, selections, pictures."""
