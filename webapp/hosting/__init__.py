"""What hosting Kallos needs beside Kallos itself: a repository for a Space, locked dependencies, backups."""
