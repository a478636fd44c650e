"""Everything persistent: database access, the schema with its migrations, blobs, and backup."""
