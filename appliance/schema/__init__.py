"""The schema, as numbered steps. A step that was released is never changed; the next one mends it."""
