"""Constituency trees and their linearization."""
