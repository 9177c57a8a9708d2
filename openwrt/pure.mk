# A Python library for routerd alone, as a package for any router: its modules are copied out of the source that its
# authors release, and parts that a C compiler would make are left out. Nothing is built, so no build backend is needed,
# and it lies in a directory of routerd's own: the feed may have another version for other programs.
# Set PURE_FROM (a directory of the source, default: its top) and PURE_MODULES (what is copied); PURE_LEFT_OUT lists
# what a daemon never loads. To be included after PKG_* and PYPI_*; end with $(eval $(call PurePackage,routerd-NAME)),
# and with the comment that others have: the SDK takes a Makefile for a package's only if it has those words.

PYTHON3_PKG_BUILD:=0

# How feeds outside of openwrt/packages find the Python of that feed.
include $(TOPDIR)/feeds/packages/lang/python/pypi.mk
include $(INCLUDE_DIR)/package.mk
include $(TOPDIR)/feeds/packages/lang/python/python3-package.mk
include ../small.mk

PURE_FROM?=.

define PurePackage/Default
  SECTION:=lang
  CATEGORY:=Languages
  SUBMENU:=Python
  PKGARCH:=all
endef

define Build/Configure
endef

define Build/Compile
	$(INSTALL_DIR) $(foreach module,$(PURE_MODULES),$(PKG_INSTALL_DIR)$(ROUTERD_DIR)/$(dir $(module)))
	$(foreach module,$(PURE_MODULES),$(CP) $(PKG_BUILD_DIR)/$(PURE_FROM)/$(module) $(PKG_INSTALL_DIR)$(ROUTERD_DIR)/$(dir $(module)) && )true
	$(foreach part,$(PURE_LEFT_OUT),rm -rf $(PKG_INSTALL_DIR)$(ROUTERD_DIR)/$(part) && )true
	$(FIND) $(PKG_INSTALL_DIR)$(ROUTERD_DIR) -type f -not -name '*.py' -delete
	$(ROUTERD_SMALL)
endef

define PurePackage
  Py3Package/$(1)/filespec=+|$(ROUTERD_DIR)
  $(eval $(call Py3Package,$(1)))
  $(eval $(call BuildPackage,$(1)))
endef
